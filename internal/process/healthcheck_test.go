package process

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy that the environment names is not this machine.
func TestHealthcheckAsksNoProxy(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"healthy"}`))
	}))
	t.Cleanup(proxy.Close)
	place := newPlace(t, "")
	place.configure(t, quietService(t))
	got := execute(t, place.dir, []string{"HTTP_PROXY=" + proxy.URL}, workerProgram(t), "healthcheck", "--listen", "nowhere.invalid:8080")
	require.NotZero(t, got.code, got.out)
	require.NotContains(t, got.out, "healthy")
}
