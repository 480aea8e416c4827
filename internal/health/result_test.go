package health_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestStatusUp(t *testing.T) {
	require.True(t, health.Healthy.Up())
	require.True(t, health.Degraded.Up())
	require.False(t, health.Unhealthy.Up())
	require.False(t, health.Status("").Up(), "what nobody has found is not up")
}

func TestClip(t *testing.T) {
	tests := []struct {
		text  string
		limit int
		want  string
	}{
		{"", 10, ""},
		{"short", 5, "short"},
		{"longer", 5, "lo…"},
		{"äöü", 6, "äöü"},
		{"äöü!", 6, "ä…"},
		{"日本語", 8, "日…"},
		{"日本語", 4, "…"},
		{"日本語", 3, "…"},
	}
	for _, test := range tests {
		require.Equal(t, test.want, health.Clip(test.text, test.limit), "%q to %d", test.text, test.limit)
	}
}

func TestClipProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	runes := []rune("ab\u00e9\u20ac\U0001f691\n")
	for range 10_000 {
		var text strings.Builder
		for range random.IntN(60) {
			text.WriteRune(runes[random.IntN(len(runes))])
		}
		limit := 3 + random.IntN(60)
		clipped := health.Clip(text.String(), limit)
		require.LessOrEqual(t, len(clipped), limit)
		require.True(t, utf8.ValidString(clipped), "%q", clipped)
		if head, cut := strings.CutSuffix(clipped, "…"); cut {
			require.True(t, strings.HasPrefix(text.String(), head))
			require.Greater(t, text.Len(), limit)
		} else {
			require.Equal(t, text.String(), clipped)
		}
	}
}

// FuzzClip: text of any bytes and any limit; servers answer with anything.
func FuzzClip(f *testing.F) {
	f.Add("longer", 5)
	f.Add("\xff\xfe\x80\x80\x80", 4)
	f.Add("日本語", 0)
	f.Add("x", -1)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		clipped := health.Clip(text, limit)
		require.LessOrEqual(t, len(clipped), max(limit, len("…")))
	})
}
