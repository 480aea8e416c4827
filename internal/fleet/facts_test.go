package fleet

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// The secret is not the probe's own, which it masks itself.
func TestFactsTellNoSecret(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"tier": "primary, by `+secret+`"}`)
	}))
	defer server.Close()
	fleet := newFleet(t, fmt.Sprintf(`
services:
  - name: web
    probe: {http: {url: "%s", observe: {tier: .tier}}}
    alerts: [ops]
alerts:
  ops: {webhook: {url: "https://ops.example", token: "${TOKEN}"}}
`, server.URL))
	result, err := fleet.Probe(t.Context(), "web", "")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"tier": "primary, by ***"}, result.Facts)
}
