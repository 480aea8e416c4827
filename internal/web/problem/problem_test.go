package problem

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		status               int
		target, detail, want string
	}{
		{http.StatusNotFound, "/api/v1/services/web?token=hidden", `There is no service "web".`,
			`{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no service \"web\".","instance":"/api/v1/services/web"}`},
		{http.StatusInternalServerError, "/api/v1/incidents/a%2Fb", "",
			`{"type":"about:blank","title":"Internal Server Error","status":500,"instance":"/api/v1/incidents/a%2Fb"}`},
	} {
		recorder := httptest.NewRecorder()
		recorder.Header().Set("Content-Length", "1")
		Write(recorder, httptest.NewRequest(http.MethodGet, c.target, nil), c.status, c.detail)
		require.Equal(t, c.status, recorder.Code)
		require.Equal(t, "application/problem+json", recorder.Header().Get("Content-Type"))
		require.Equal(t, "no-store", recorder.Header().Get("Cache-Control"))
		require.Empty(t, recorder.Header().Get("Content-Length"))
		require.Equal(t, c.want+"\n", recorder.Body.String())
	}
}
