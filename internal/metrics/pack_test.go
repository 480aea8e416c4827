package metrics

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnswersArePackedForThoseWhoUnpackThem(t *testing.T) {
	m := fleet(50, time.Now())
	for accepted, want := range map[string]bool{
		"": false, "gzip": true, "deflate, GZIP;q=0.5": true, "gzip;q=1.0": true,
		"gzip;q=0": false, "gzip; q=0.000": false, "br": false, "gzipped": false,
	} {
		request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		request.Header.Set("Accept-Encoding", accepted)
		answer := httptest.NewRecorder()
		m.Handler().ServeHTTP(answer, request)
		require.Equal(t, http.StatusOK, answer.Code)
		require.Equal(t, "Accept-Encoding", answer.Header().Get("Vary"))
		require.Equal(t, want, answer.Header().Get("Content-Encoding") == "gzip", accepted)
		var body io.Reader = answer.Body
		if want {
			unpacked, err := gzip.NewReader(body)
			require.NoError(t, err)
			body = unpacked
		}
		text, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Equal(t, 50, strings.Count(string(text), "\nparamedic_service_state{"), accepted)
	}
}
