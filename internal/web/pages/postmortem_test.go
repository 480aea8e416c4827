package pages

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

var update = flag.Bool("update", false, "write the golden files as they are now")

// golden compares text with a file of testdata.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

func TestPostmortem(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	require.NoError(t, w.board.Archive(t.Context(), sample()))
	answer := w.get(at + "/postmortem.md")
	require.Equal(t, 200, answer.Code)
	require.Equal(t, "text/markdown; charset=utf-8", answer.Header().Get("Content-Type"))
	require.Equal(t, `inline; filename="postmortem-clickhouse@20260319T142800.000Z.md"`, answer.Header().Get("Content-Disposition"))
	golden(t, "testdata/postmortem.en.md", answer.Body.String())
	w.headers.Set("Accept-Language", "es")
	answer = w.get(at + "/postmortem.md")
	require.Equal(t, "es", answer.Header().Get("Content-Language"))
	golden(t, "testdata/postmortem.es.md", answer.Body.String())
	require.Equal(t, 404, w.get("/incidents/nobody/postmortem.md").Code)
}

func TestPostmortemOfAnOpenIncident(t *testing.T) {
	text := postmortem(english(), open(), "", failedAt.Add(time.Hour))
	require.Contains(t, text, "- **State:** acknowledged\n")
	require.Contains(t, text, "- **Downtime:** 1h 0m: 2m 0s to detect, 5s to decide, 57m 55s to heal\n")
	require.NotContains(t, text, "Back again")
}

// What was recorded stays in its place, whatever it holds.
func TestPostmortemIsNotBrokenByItsTexts(t *testing.T) {
	i := evil()
	i.Evidence = "```\n# not a heading\n````\n<script>"
	i.Timeline.Add(failedAt, health.EntryNote, "a | b\n## Root cause\n[x](javascript:alert(1)) `code` ![i](x)")
	text := postmortem(english(), i, "# Impact\n\n- of it", failedAt.Add(time.Hour))
	headings := 0
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "`````") {
			fenced = !fenced
		}
		if !fenced && strings.HasPrefix(line, "#") {
			headings++
		}
		if !fenced && strings.HasPrefix(line, "|") {
			unescaped := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
			require.Contains(t, []int{4, 5}, unescaped, line)
		}
		if !fenced && !strings.Contains(line, "`evil@") {
			require.NotRegexp(t, `(^|[^\\])<`, line)
			require.NotRegexp(t, `(^|[^\\])\[x`, line)
		}
	}
	require.Equal(t, 9, headings, text)
	require.False(t, fenced)
}
