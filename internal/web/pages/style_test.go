package pages

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// palettes are the colours of the light and of the dark look.
func palettes(t *testing.T) []map[string]string {
	t.Helper()
	content, err := staticFiles.ReadFile("static/" + sheet)
	require.NoError(t, err)
	var all []map[string]string
	for _, block := range regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(content), -1) {
		colours := map[string]string{}
		for _, found := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]+);`).FindAllStringSubmatch(block[1], -1) {
			colours[found[1]] = found[2]
		}
		all = append(all, colours)
	}
	require.Len(t, all, 2, "light and dark")
	return all
}

// contrast is the ratio of WCAG 2.2 between two colours.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	first, second := luminance(t, a), luminance(t, b)
	return (max(first, second) + 0.05) / (min(first, second) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) == 3 {
		colour = strings.Join([]string{colour[:1], colour[:1], colour[1:2], colour[1:2], colour[2:], colour[2:]}, "")
	}
	value, err := strconv.ParseUint(colour, 16, 32)
	require.NoError(t, err)
	sum := 0.0
	for i, weight := range []float64{0.0722, 0.7152, 0.2126} {
		channel := float64(value>>(8*i)&0xff) / 255
		if channel <= 0.04045 {
			sum += weight * channel / 12.92
		} else {
			sum += weight * math.Pow((channel+0.055)/1.055, 2.4)
		}
	}
	return sum
}

// Everybody can read every text: 4.5 to 1 between text and ground, and 3 to 1
// for what marks a field or a bar, as AA of WCAG asks for.
func TestContrast(t *testing.T) {
	require.InDelta(t, 21, contrast(t, "000", "ffffff"), 0.001)
	for look, colours := range palettes(t) {
		for _, ground := range []string{"ground", "card", "note", "warn"} {
			for _, text := range []string{"text", "quiet", "link", "down", "failing", "degraded", "unknown", "healthy"} {
				if text != "text" && text != "link" && (ground == "note" || ground == "warn") {
					continue
				}
				require.GreaterOrEqual(t, contrast(t, colours[text], colours[ground]), 4.5, "look %d: %s on %s", look, text, ground)
			}
		}
		require.GreaterOrEqual(t, contrast(t, colours["on-accent"], colours["accent"]), 4.5, "look %d: buttons", look)
		for _, ground := range []string{"ground", "card"} {
			require.GreaterOrEqual(t, contrast(t, colours["edge"], colours[ground]), 3.0, "look %d: edges on %s", look, ground)
			require.GreaterOrEqual(t, contrast(t, colours["accent"], colours[ground]), 3.0, "look %d: focus on %s", look, ground)
		}
	}
}
