package chain

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// What is not ours to restart is watched and told about, and never touched.
func TestOnlyAlertsForS3(t *testing.T) {
	t.Parallel()
	const name = "backups"
	server := realtest.S3(t)
	witness := newWitness(t, func(ctx context.Context) error {
		_, err := get(ctx, "http://"+server.Addr) // refusing a stranger is a sign of life
		return err
	})
	d := deploy(t, "", service{name: name, probe: fmt.Sprintf("{s3: {endpoint: %q, bucket: %s, access_key: %s, secret_key: %s}}",
		"http://"+server.Addr, realtest.S3Bucket, server.AccessKey, server.SecretKey)})
	hurt := time.Now()
	server.Stop()
	d.await("people are told", func() bool { return len(d.receiver.accepted(name, "down")) > 0 })
	open, ok := d.incident(name)
	require.True(t, ok)
	require.Equal(t, "triggered", open.State)
	require.Contains(t, d.receiver.about(name, "down")[0].Body.Reason, "timeout after 1s")
	server.Cont()

	i := d.resolved(name)
	require.Equal(t, open.ID, i.ID)
	require.Equal(t, "recovered", i.Outcome)
	require.Equal(t, []int{0, 0}, []int{i.Attempts, i.Restarts}, "attempts and restarts")
	_, attempted := i.find("attempt", "")
	require.False(t, attempted, "%+v", i.Timeline)
	witness.requireTruth(t, name, hurt, i)
	d.receiver.requireRecovery(name, i)
	require.Len(t, keys(d.receiver.about(name, "down")), 1)
	require.Zero(t, d.worker.Terminate(), "exit status")
	require.Empty(t, server.Objects(t))
	require.NotContains(t, d.worker.Log(), server.SecretKey)
}
