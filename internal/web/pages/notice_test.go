package pages

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/web/access"
)

// Who is not let in is told so on a page like all others.
func TestNotices(t *testing.T) {
	s := newSite(t, Options{Version: "v1.2.3"})
	told := access.Notice{
		Status: http.StatusUnauthorized, Title: "Inicie sesión <b>", Text: hostile, Language: "es",
		Links: []access.Link{{Address: "/login?to=%2Fx&password", Text: "Entrar"}},
	}
	show := func(address string, who access.Identity) string {
		r := httptest.NewRequest(http.MethodGet, address, nil)
		r.Header.Set("Accept-Language", "es")
		w := httptest.NewRecorder()
		s.Notice(w, r.WithContext(access.With(r.Context(), who)), told)
		require.Equal(t, http.StatusUnauthorized, w.Code)
		require.Equal(t, "es", w.Header().Get("Content-Language"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		wellFormed(t, w.Body.String())
		return w.Body.String()
	}
	page := show("/incidents?state=open", access.Identity{})
	require.Contains(t, page, "<title>Inicie sesión &lt;b&gt; · paramedic</title>")
	require.Contains(t, page, `<a href="/login?to=%2Fx&amp;password">Entrar</a>`)
	require.Contains(t, page, "back=%2Fincidents%3Fstate%3Dopen")
	require.NotContains(t, page, `href="/incidents"`, "there is nothing to navigate to")
	require.NotContains(t, page, "v1.2.3", "nobody learns the version before they are let in")

	require.Contains(t, show("/incidents", access.Identity{Name: "ana", Role: access.Viewer}), `<bdi>ana</bdi>`)
	require.NotContains(t, show("/oidc/callback?code=a-code&state=x", access.Identity{}), "a-code", "nobody goes back there")
}

// Only a session can be ended: a browser keeps a password, and a token is sent
// with each request.
func TestLogOut(t *testing.T) {
	s := newSite(t, Options{})
	for method, can := range map[string]bool{
		access.MethodOIDC: true, access.MethodBasic: false, access.MethodToken: false, access.MethodLocal: false,
	} {
		s.who = access.Identity{Name: "ana", Role: access.Viewer, Method: method}
		for language, button := range map[string]string{"en": "Log out", "es": "Cerrar sesión"} {
			s.headers = http.Header{"Accept-Language": {language}}
			page := s.get("/").Body.String()
			wellFormed(t, page)
			form := `<form method="post" action="/logout"><button class="plain">` + button + `</button></form>`
			if can {
				require.Contains(t, page, form)
			} else {
				require.NotContains(t, page, "/logout", method)
			}
		}
	}
}
