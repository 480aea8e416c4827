package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImport(t *testing.T) {
	w := newWorld(t).fill().fleet()
	body := strings.Join([]string{
		`{"target":"new:80","labels":{"tier":"new"}}`,
		``,
		`{"target":"10.0.0.1:80","labels":{"tier":"gold"}}`,
		`  {"target":"10.0.0.2:80"}  `,
		`{"target":"` + slashed + `"}`,
		`{"target":"10.0.0.4:80"}`,
		`not json`,
		`{"target":"a b"}`,
		`{"target":"x","color":"red"}`,
		`{"target":"y"} {}`,
		"{\"target\":\"\xff\"}",
		`{"target":"` + strings.Repeat("x", importLine) + `"}`,
		`{"target":"last:80"}`,
	}, "\r\n")
	got := w.post(shopsPath+"/import", body)
	require.Equal(t, http.StatusOK, got.status, got.body)
	var done Imported
	got.read(t, &done)
	errs := done.Errors
	done.Errors = nil
	require.Equal(t, Imported{Lines: 12, Created: 2, Changed: 1, Unchanged: 1, Refused: 8}, done)
	var told []string
	for _, e := range errs {
		told = append(told, fmt.Sprintf("%d %s: %.40s", e.Line, e.Target, e.Detail))
	}
	require.Equal(t, []string{
		"5 " + slashed + ": it is in the configuration's list; chang",
		"6 10.0.0.4:80: it comes from the file_sd file of the co",
		"7 : it is not JSON: invalid character 'o' in",
		"8 a b: \"a b\" cannot name a target; write printa",
		"9 x: unknown field \"color\" at line 1, column ",
		"10 y: it has something after its JSON object",
		"11 : it is not valid UTF-8",
		"12 : the line is longer than 32768 bytes",
	}, told)
	require.Equal(t, []string{"new:80"}, namesOf(w.list("?label=tier%3Dnew")), "they take effect at once")
	require.Contains(t, namesOf(w.list("")), "last:80")

	for contentType, status := range map[string]int{"application/x-ndjson": 200, "application/x-ndjson; charset=utf-8": 200, "application/json": 415, "": 415} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, shopsPath+"/import", strings.NewReader(line))
		request.Header.Set("Content-Type", contentType)
		w.mux.ServeHTTP(recorder, request)
		require.Equal(t, status, recorder.Code, contentType)
	}
}

func TestLargeImports(t *testing.T) {
	w := newWorld(t).fill().fleet()
	var body strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&body, `{"target":"shop-%d"}`+"\n", i)
	}
	var done Imported
	w.post(shopsPath+"/import", body.String()).read(t, &done)
	require.Equal(t, Imported{Lines: 2500, Created: 2500, Errors: []ImportError{}}, done)
	require.Equal(t, 2505, w.list("?limit=1").Total)

	got := w.post(shopsPath+"/import", strings.Repeat("{}\n", importLimit)+line)
	require.Equal(t, http.StatusRequestEntityTooLarge, got.status, got.body)
	require.Contains(t, got.problem(t), "an import takes at most 100000 targets; send the rest in another one (100000 lines were read, 0 targets created, 0 changed; importing again is safe)")
	got = w.post(shopsPath+"/import", strings.Repeat("{}\n", importLimit))
	require.Equal(t, http.StatusOK, got.status)
	done = Imported{}
	got.read(t, &done)
	require.Equal(t, importLimit, done.Refused)
	require.Len(t, done.Errors, importMistakes)
}
