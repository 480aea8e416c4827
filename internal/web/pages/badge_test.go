package pages

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
)

// isXML checks that a picture can be read by strict readers, too.
func isXML(t *testing.T, text string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else {
			require.NoError(t, err, text)
		}
	}
}

func TestBadges(t *testing.T) {
	w := public(t, clickhouse(), board.Configured{Name: "web"})
	w.probed("clickhouse", health.StateDown, nil, nil)
	for address, want := range map[string]struct {
		code int
		says string
	}{
		"/badges/clickhouse.svg":             {200, `aria-label="Figures: down"`},
		"/badges/clickhouse.svg?show=uptime": {200, `aria-label="Figures: – in 30 days"`},
		"/badges/web.svg":                    {200, `aria-label="web: unknown"`},
		"/badges/nobody.svg":                 {404, `aria-label="paramedic: no such service"`},
		"/badges/%3Cscript%3E.svg":           {404, `aria-label="paramedic: no such service"`},
		"/badges/web.png":                    {404, "There is no such page"},
	} {
		answer := w.get(address)
		require.Equal(t, want.code, answer.Code, address)
		require.Contains(t, answer.Body.String(), want.says, address)
		if strings.Contains(address, ".svg") {
			isXML(t, answer.Body.String())
			require.Equal(t, "image/svg+xml", answer.Header().Get("Content-Type"))
			require.Equal(t, "public, max-age=60", answer.Header().Get("Cache-Control"))
			require.Equal(t, "cross-origin", answer.Header().Get("Cross-Origin-Resource-Policy"))
		}
	}
	w.headers.Set("Accept-Language", "es")
	require.Contains(t, w.get("/badges/clickhouse.svg").Body.String(), "Figures: caído")

	private := newWard(t, nil, clickhouse())
	answer := private.get("/badges/clickhouse.svg")
	require.Equal(t, "private, max-age=60", answer.Header().Get("Cache-Control"))
	require.Empty(t, answer.Header().Get("Cross-Origin-Resource-Policy"))
}

func TestUptimeBadge(t *testing.T) {
	for up, want := range map[float64]string{1: "100 % in 30 days", 0.9912: "99.12 % in 30 days", 0.5: "50.00 % in 30 days", -1: "– in 30 days"} {
		s := board.Service{Configured: board.Configured{Name: "web"}}
		s.Uptime.Month = up
		require.Contains(t, uptimeBadge(english(), &s), "web: "+want)
	}
}

// Widths as a browser measures them with Verdana at 11 pixels.
func TestTextWidth(t *testing.T) {
	for text, want := range map[string]int{"": 0, "clickhouse": 58, "healthy": 42, "100 %": 37, "日本": 22, "iiii": 13, "é": 7} {
		require.InDelta(t, want, textWidth(text), 1, text)
	}
}

func TestBadgePicture(t *testing.T) {
	picture := badgePicture("web", "healthy", "18702f")
	isXML(t, picture)
	require.Contains(t, picture, `<text x="6" y="14" textLength="23"`)
	require.Contains(t, picture, `<svg xmlns="http://www.w3.org/2000/svg" width="88" height="20"`)
	picture = badgePicture(hostile, long, badgeGrey)
	isXML(t, picture)
	require.NotContains(t, picture, "<script>")
	require.NotContains(t, picture, "\u202e")
	require.Contains(t, picture, strings.Repeat("x", badgeRunes-1)+"…")
}
