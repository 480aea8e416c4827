package pages

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
	"time"

	"github.com/stretchr/testify/require"
)

// used are the texts that the templates and the code of this package show, each
// with where.
func used(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	templates, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	for _, file := range templates {
		content, err := templateFiles.ReadFile(file)
		require.NoError(t, err)
		tree := parse.New(file)
		tree.Mode = parse.SkipFuncCheck
		trees := map[string]*parse.Tree{}
		_, err = tree.Parse(string(content), "", "", trees)
		require.NoError(t, err)
		for _, tree := range trees {
			inTemplate(tree.Root, func(text string) { texts[text] = file })
		}
	}
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		inSource(t, parsed, func(text string) { texts[text] = file })
	}
	return texts
}

// inTemplate finds the texts that a template gives to t and tn.
func inTemplate(node parse.Node, found func(string)) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			inTemplate(child, found)
		}
	case *parse.ActionNode:
		inTemplate(n.Pipe, found)
	case *parse.TemplateNode:
		inTemplate(n.Pipe, found)
	case *parse.IfNode:
		inBranch(&n.BranchNode, found)
	case *parse.RangeNode:
		inBranch(&n.BranchNode, found)
	case *parse.WithNode:
		inBranch(&n.BranchNode, found)
	case *parse.PipeNode:
		if n == nil {
			return
		}
		for _, command := range n.Cmds {
			inTemplate(command, found)
		}
	case *parse.CommandNode:
		inCommand(n, found)
	}
}

func inBranch(n *parse.BranchNode, found func(string)) {
	inTemplate(n.Pipe, found)
	inTemplate(n.List, found)
	inTemplate(n.ElseList, found)
}

func inCommand(n *parse.CommandNode, found func(string)) {
	name, called := n.Args[0].(*parse.IdentifierNode)
	for i, argument := range n.Args {
		text, isText := argument.(*parse.StringNode)
		switch {
		case !isText:
			inTemplate(argument, found)
		case called && (name.Ident == "t" && i == 1 || name.Ident == "tn" && i >= 2):
			found(text.Text)
		}
	}
}

// inSource finds the texts that code gives to t, tn and key.
func inSource(t *testing.T, file *ast.File, found func(string)) {
	ast.Inspect(file, func(node ast.Node) bool {
		call, isCall := node.(*ast.CallExpr)
		if !isCall {
			return true
		}
		var name string
		switch function := call.Fun.(type) {
		case *ast.Ident:
			name = function.Name
		case *ast.SelectorExpr:
			name = function.Sel.Name
		}
		for i, argument := range call.Args {
			literal, isLiteral := argument.(*ast.BasicLit)
			if isLiteral && literal.Kind == token.STRING && ((name == "t" || name == "key") && i == 0 || name == "tn" && i >= 1) {
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				found(text)
			}
		}
		return true
	})
}

var verb = regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)

func TestEveryTextExistsInSpanish(t *testing.T) {
	texts, spanish := used(t), map[string]string{}
	require.Greater(t, len(texts), 100)
	files, err := fs.Glob(textFiles, "texts/*.json")
	require.NoError(t, err)
	for _, file := range files {
		content, err := textFiles.ReadFile(file)
		require.NoError(t, err)
		var some map[string]string
		require.NoError(t, json.Unmarshal(content, &some), file)
		for text, translated := range some {
			require.NotContains(t, spanish, text, "%s: twice", file)
			spanish[text] = translated
		}
	}
	var missing []string
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		if spanish[text] == "" {
			missing = append(missing, texts[text]+": "+strconv.Quote(text))
		}
	}
	require.Empty(t, missing, "not in Spanish:\n%s", strings.Join(missing, "\n"))
	for text, translated := range spanish {
		require.Contains(t, texts, text, "nobody shows it")
		require.Equal(t, verb.FindAllString(text, -1), verb.FindAllString(translated, -1), "%q", text)
	}
}

func TestLanguage(t *testing.T) {
	for _, test := range []struct{ accepted, cookie, want string }{
		{"", "", "en"}, {"es", "", "es"}, {"es-MX,en;q=0.5", "", "es"}, {"en,es;q=0.9", "", "en"},
		{"fr, es;q=0.7, en;q=0.3", "", "es"}, {"fr", "", "en"}, {"es", "en", "en"}, {"en", "es", "es"},
		{"es", "fr", "es"}, {strings.Repeat("x,;", 1000), "", "en"},
	} {
		s := newSite(t, Options{})
		s.headers.Set("Accept-Language", test.accepted)
		if test.cookie != "" {
			s.headers.Set("Cookie", languageCookie+"="+test.cookie)
		}
		answer := s.get("/")
		require.Contains(t, answer.Body.String(), `<html lang="`+test.want+`">`, "%+v", test)
		require.Equal(t, test.want, answer.Header().Get("Content-Language"))
		require.Contains(t, answer.Header().Get("Vary"), "Accept-Language")
	}
}

func TestChooseLanguage(t *testing.T) {
	s := newSite(t, Options{})
	for back, want := range map[string]string{
		"/services/a?range=week": "/services/a?range=week", "/": "/", "": "/",
		"https://evil.example/": "/", "//evil.example/": "/", `/\evil.example`: "/", `\/evil.example`: "/", "/\t/evil.example": "/",
		"javascript:alert(1)": "/", "evil": "/", "/%zz": "/", "http:/x": "/", "///evil.example": "/",
	} {
		r, err := http.NewRequest(http.MethodGet, "/language", nil)
		require.NoError(t, err)
		query := r.URL.Query()
		query.Set("to", "es")
		query.Set("back", back)
		answer := s.get("/language?" + query.Encode())
		require.Equal(t, http.StatusSeeOther, answer.Code)
		require.Equal(t, want, answer.Header().Get("Location"), back)
		cookie := answer.Result().Cookies()[0]
		require.Equal(t, "es", cookie.Value)
		require.True(t, cookie.HttpOnly)
		require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	}
	answer := s.get("/language?to=xx&back=/")
	require.Equal(t, 400, answer.Code)
	require.Empty(t, answer.Result().Cookies())
}

func TestLanguageLinksLeadBack(t *testing.T) {
	s := newSite(t, Options{})
	page := s.get("/?q=a%26b&notice=probed").Body.String()
	require.Contains(t, page, "/language?to=es&amp;back=%2F%3Fq%3Da%2526b\"")
	require.Contains(t, page, "The service was probed.")
}

func TestSpanishPages(t *testing.T) {
	w := newWorld(t)
	w.all()
	w.remembers("down", 48*time.Hour, time.Hour, func(age time.Duration) bool { return age > 30*time.Hour })
	w.headers.Set("Accept-Language", "es-ES")
	for address, want := range map[string]string{
		"/":              "2 caídos, 1 fallando",
		"/services/down": "Tiempo de respuesta",
	} {
		text, html := w.page(address)
		require.Contains(t, text, want)
		require.Contains(t, html, `<html lang="es">`)
		require.NotContains(t, text, "Last probe")
		require.NotContains(t, text, "ago")
	}
	answer := w.get("/nowhere")
	require.Contains(t, answer.Body.String(), "Esa página no existe")
}

func TestNumbers(t *testing.T) {
	en, es := &language{point: "."}, &language{point: ","}
	for n, want := range map[float64]string{
		0: "0", 1: "1", 999: "999", 1000: "1\u202f000", -1234567.89: "−1\u202f234\u202f567.89", 0.0004: "0", 0.125: "0.125", -0.0001: "0", 1e18: "1e+18",
	} {
		require.Equal(t, want, en.number(n))
	}
	require.Equal(t, "0,5", es.number(0.5))
	for share, want := range map[float64]string{-1: none, 0: "0.00 %", 1: "100 %", 0.99999: "99.99 %", 0.5: "50.00 %"} {
		require.Equal(t, want, en.percent(share))
	}
	for ms, want := range map[float64]string{0.42: "0.4 ms", 12.3: "12 ms", 2500: "2.5 s"} {
		require.Equal(t, want, en.latency(ms))
	}
	require.Equal(t, "2,5 s", es.latency(2500))
	require.Equal(t, "0.25 ms", en.tick(0.25))
	require.Equal(t, "2.5 s", en.tick(2500))
}
