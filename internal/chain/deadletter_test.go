package chain

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// An alert that is refused for good waits for a human, and is sent again with
// the key that it had.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	server := newProcess(t)
	d := deploy(t, "", service{name: site, probe: tcp(server)})
	require.Equal(t, "no dead letters\n", d.do("deadletters"))
	none := d.starter("deadletters", "retry", "ops/d1", "--by", "ana")
	require.Equal(t, 1, none.code)
	require.Contains(t, none.stderr, "receiver \"ops\" has no dead letters")
	d.receiver.answer(func(w http.ResponseWriter, _ *http.Request, _ notification) bool {
		http.Error(w, "no such field", http.StatusBadRequest)
		return false
	})
	server.Kill()
	i, _ := d.says(site, "alert", `ALERT LOST: ops could not be told "down": `)
	require.Len(t, d.receiver.all(), 1, "tries of what was refused for good")
	list := d.do("deadletters")
	require.Regexp(t, `(?m)^ops/d1 .* site +down +1 +.*400`, list)
	require.NotContains(t, list, receiverToken)
	require.Equal(t, 1, d.starter("deadletters", "retry", "--all").code, "to send again needs a name")
	require.Equal(t, 1, d.starter("deadletters", "retry", "ops/d9", "--by", "ana").code, "there is no such letter")

	d.receiver.answer(nil)
	require.Equal(t, "1 alert on the way again\n", d.do("deadletters", "retry", "--all", "--by", "ana"))
	d.await("the letter is delivered", func() bool { return len(d.receiver.accepted(site, "down")) > 0 })
	tries := d.receiver.about(site, "down")
	require.Len(t, tries, 2)
	require.Equal(t, i.ID+"/down", tries[0].Header.Get("Idempotency-Key"))
	require.Equal(t, tries[0].Header.Get("Idempotency-Key"), tries[1].Header.Get("Idempotency-Key"))
	require.Equal(t, tries[0].Body, tries[1].Body)
	d.await("no letter is left", func() bool { return d.starter("deadletters").stdout == "no dead letters\n" })
	server.Start()
	d.receiver.requireRecovery(site, d.resolved(site))
	require.Equal(t, []string{"down", "recovered"}, d.receiver.told())
}

// A worker that dies between the first word and the last takes neither along:
// the receiver gets both, in order, what it got twice by the same key.
func TestAlertsSurviveTheWorker(t *testing.T) {
	t.Parallel()
	server := newProcess(t)
	d := deploy(t, "", service{name: site, probe: tcp(server)})
	// The receiver takes the alert, and the worker never hears so.
	d.receiver.answer(func(_ http.ResponseWriter, r *http.Request, _ notification) bool {
		<-r.Context().Done()
		return true
	})
	server.Kill()
	d.await("the alert is on its way", func() bool { return len(d.receiver.about(site, "down")) > 0 })
	d.worker.Kill()
	d.receiver.answer(nil)
	server.Start()
	d.worker.Start()

	i := d.resolved(site)
	d.receiver.requireRecovery(site, i)
	require.Equal(t, []string{"down", "recovered"}, d.receiver.told())
	require.Greater(t, len(d.receiver.about(site, "down")), 1, "an answer that was lost is asked for again")
	require.Len(t, d.receiver.about(site, "recovered"), 1)
	require.Equal(t, 1, d.count(site), "incidents")
}
