package pages

import (
	"fmt"
	"html"
	"net/http"
	"strings"

	"paramedic/internal/board"
)

const (
	// badgeHeight and badgePad are pixels; badgeFont is the size of its letters.
	badgeHeight, badgePad, badgeFont = 20, 6, 11
	// badgeRunes is how many characters of a name fit.
	badgeRunes = 60
	// badgeSeconds is how long a badge may be kept.
	badgeSeconds = 60
)

// badgeGrey is the colour of a badge that says nothing.
const badgeGrey = "59636e"

// badgeColours are dark enough for white letters.
var badgeColours = map[string]string{
	"healthy": "18702f", "degraded": "7d5700", "failing": "a44400", "down": "b91c25",
}

// badge answers with a small picture of the state or the uptime of a service.
func (p *Pages) badge(w http.ResponseWriter, r *http.Request) {
	l := p.language(r)
	name, isBadge := strings.CutSuffix(r.PathValue("file"), ".svg")
	if !isBadge {
		p.NotFound(w, r)
		return
	}
	s, known := p.Board.Service(name)
	status, picture := http.StatusOK, ""
	switch {
	case !known:
		status, picture = http.StatusNotFound, badgePicture("paramedic", l.t("no such service"), badgeGrey)
	case r.URL.Query().Get("show") == "uptime":
		picture = uptimeBadge(l, &s)
	default:
		state := publicState(&s)
		picture = badgePicture(publicName(&s), l.t(state), colourOf(state))
	}
	header := w.Header()
	header.Set("Content-Type", "image/svg+xml")
	header.Set("Content-Language", l.Tag)
	header.Add("Vary", "Accept-Language, Cookie")
	header.Set("Cache-Control", fmt.Sprintf("private, max-age=%d", badgeSeconds))
	if p.PublicStatus {
		header.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", badgeSeconds))
		// A badge is made to be shown on other sites.
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	w.WriteHeader(status)
	// An error here means that the reader has gone.
	_, _ = w.Write([]byte(picture))
}

// uptimeBadge shows the share of probes that passed in the last 30 days.
func uptimeBadge(l *language, s *board.Service) string {
	up := s.Uptime.Month
	colour := colourOf("healthy")
	switch {
	case up < 0:
		colour = badgeGrey
	case up < 0.95:
		colour = colourOf("down")
	case up < 0.99:
		colour = colourOf("degraded")
	}
	return badgePicture(publicName(s), l.t("%s in 30 days", l.percent(up)), colour)
}

func colourOf(state string) string {
	if colour, found := badgeColours[state]; found {
		return colour
	}
	return badgeGrey
}

// badgePicture writes a label and a value beside each other. The widths are
// measured and given, so that the letters fit whatever font the reader has.
func badgePicture(label, value, colour string) string {
	label, value = badgeText(label), badgeText(value)
	left, right := textWidth(label), textWidth(value)
	split, width := left+2*badgePad, left+right+4*badgePad
	said := html.EscapeString(label + ": " + value)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s"><title>%s</title>`,
		width, badgeHeight, width, badgeHeight, said, said)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="3" fill="#%s"/>`, width, badgeHeight, colour)
	fmt.Fprintf(&b, `<path d="M3 0h%dv%dH3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3" fill="#3b434b"/>`, split-3, badgeHeight)
	fmt.Fprintf(&b, `<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="%d">`, badgeFont)
	for _, part := range []struct {
		x, width int
		text     string
	}{{badgePad, left, label}, {split + badgePad, right, value}} {
		fmt.Fprintf(&b, `<text x="%d" y="14" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>`,
			part.x, part.width, html.EscapeString(part.text))
	}
	b.WriteString("</g></svg>\n")
	return b.String()
}

// badgeText is a text in one line that is not too long.
func badgeText(text string) string {
	text = oneLine(text)
	if runes := []rune(text); len(runes) > badgeRunes {
		text = string(runes[:badgeRunes-1]) + "…"
	}
	return text
}

// advances are the widths of the letters of Verdana, in 2048ths of the font's
// size, from the space on.
var advances = [...]uint16{
	720, 806, 940, 1676, 1302, 2204, 1488, 550, 930, 930, 1302, 1676, 745, 930, 745, 930,
	1302, 1302, 1302, 1302, 1302, 1302, 1302, 1302, 1302, 1302, 930, 930, 1676, 1676, 1676, 1117,
	2048, 1400, 1404, 1430, 1578, 1295, 1177, 1588, 1539, 862, 931, 1419, 1140, 1726, 1532, 1612,
	1235, 1612, 1424, 1400, 1262, 1499, 1400, 2025, 1403, 1260, 1403, 930, 930, 930, 1676, 1302,
	1302, 1230, 1276, 1067, 1276, 1220, 720, 1276, 1296, 562, 705, 1212, 562, 1992, 1296, 1243,
	1276, 1276, 874, 1067, 807, 1296, 1212, 1676, 1212, 1212, 1076, 1300, 930, 1300, 1676,
}

// textWidth is how wide a text is, in pixels. Other alphabets are taken to be
// as wide as digits, and those of East Asia as the font is high.
func textWidth(text string) int {
	total := 0
	for _, r := range text {
		switch at := int(r) - ' '; {
		case at >= 0 && at < len(advances):
			total += int(advances[at])
		case r >= 0x1100:
			total += 2048
		default:
			total += 1302
		}
	}
	return (total*badgeFont + 2047) / 2048
}
