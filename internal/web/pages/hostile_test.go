package pages

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/workflows"
)

// What people write goes into alerts, logs and terminals.
func TestFormsTakeTextsWithoutWhatMovesTheCursor(t *testing.T) {
	w := newWorld(t)
	w.all()
	answer := w.post("/services/healthy/pause",
		"by", " ana\r\nINFO all is well\x1b[2J \u202e ", "note", "one\r\ntwo\x1b]0;x\a\u2066 \x00 ")
	require.Equal(t, http.StatusSeeOther, answer.Code, answer.Body)
	want := workflows.Pause{By: "ana INFO all is well[2J", Note: "one\ntwo]0;x"}
	require.Equal(t, []any{call{"pause", "healthy", want}}, w.told.calls)
	require.Equal(t, http.StatusBadRequest, w.post("/services/healthy/resume", "by", "\x1b\u202e\x00").Code, "nothing is left")
}

func TestPicturesHoldOnlyWhatXMLCan(t *testing.T) {
	require.Equal(t, "abcd", badgeText("a\ufffeb\uffffc\ufffdd\x0b"))
}

// Another site may lead to a page, and not choose its language.
func TestLanguageIsChosenHere(t *testing.T) {
	for site, chosen := range map[string]bool{"": true, "none": true, "same-origin": true, "same-site": false, "cross-site": false} {
		s := newSite(t, Options{})
		if site != "" {
			s.headers.Set("Sec-Fetch-Site", site)
		}
		answer := s.get("/language?to=es&back=/incidents")
		require.Equal(t, http.StatusSeeOther, answer.Code)
		require.Equal(t, "/incidents", answer.Header().Get("Location"))
		require.Equal(t, chosen, len(answer.Result().Cookies()) == 1, site)
	}
}

// A proxy may end TLS.
func TestCookiesAreSecureWherePagesAre(t *testing.T) {
	for _, secure := range []bool{true, false} {
		cookies := newSite(t, Options{Secure: secure}).get("/language?to=es").Result().Cookies()
		require.Equal(t, secure, cookies[0].Secure)
	}
}
