package pages

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// wellFormed checks what every page must be: tags that match, ids that are
// unique, references that lead somewhere, fields with labels, tables with
// scopes, nothing inline and nothing from elsewhere. It returns the page's text.
func wellFormed(t *testing.T, page string) string {
	t.Helper()
	balanced(t, page)
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	c := &checker{t: t, ids: map[string]bool{}}
	c.walk(root)
	for _, reference := range c.references {
		require.True(t, c.ids[reference], "nothing has the id %q", reference)
	}
	require.Equal(t, 1, c.count["h1"], "one headline of the first level")
	require.Equal(t, 1, c.count["main"])
	require.NotEmpty(t, c.language)
	require.NotEmpty(t, c.title)
	return strings.Join(strings.Fields(c.text.String()), " ")
}

// checker looks at every element once.
type checker struct {
	t               *testing.T
	ids             map[string]bool
	references      []string
	count           map[string]int
	language, title string
	text            strings.Builder
}

func (c *checker) walk(n *html.Node) {
	if n.Type == html.TextNode && n.Parent.Data != "noscript" {
		c.text.WriteString(n.Data + " ")
	}
	if n.Type == html.ElementNode {
		c.element(n)
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.walk(child)
	}
}

func (c *checker) element(n *html.Node) {
	if c.count == nil {
		c.count = map[string]int{}
	}
	c.count[n.Data]++
	at := attributes(n)
	for name, value := range at {
		require.False(c.t, name == "style" || strings.HasPrefix(name, "on"), "inline %s=%q on %s", name, value, n.Data)
		if name == "for" || name == "aria-labelledby" || name == "aria-describedby" {
			c.references = append(c.references, strings.Fields(value)...)
		}
		if name == "href" || name == "src" || name == "action" {
			require.NotContains(c.t, value, "javascript:")
			require.NotContains(c.t, value, "ZgotmplZ")
		}
	}
	if id, found := at["id"]; found {
		require.False(c.t, c.ids[id], "id %q twice", id)
		require.NotEmpty(c.t, id)
		c.ids[id] = true
	}
	c.special(n, at)
}

func (c *checker) special(n *html.Node, at map[string]string) {
	switch n.Data {
	case "html":
		c.language = at["lang"]
	case "title":
		if n.Namespace == "" {
			c.title = n.FirstChild.Data
		}
	case "style", "iframe", "object", "embed":
		require.Fail(c.t, "element "+n.Data)
	case "script":
		require.NotEmpty(c.t, at["src"], "inline script")
		require.Nil(c.t, n.FirstChild)
	case "link", "img":
		require.Regexp(c.t, `^(/static/|data:image/svg|/)`, at["href"]+at["src"])
	case "input", "select", "textarea":
		if at["type"] != "hidden" {
			c.references = append(c.references, at["id"])
			require.Contains(c.t, c.labels(n), at["id"], "no label for %s %s", n.Data, at["name"])
		}
	case "th":
		require.NotEmpty(c.t, at["scope"], "th without scope")
	case "svg":
		require.NotEmpty(c.t, at["aria-label"]+at["aria-labelledby"]+at["aria-hidden"], "svg without a name")
	case "button", "a":
		require.NotEmpty(c.t, strings.TrimSpace(content(n))+at["aria-label"], "%s without a name", n.Data)
	}
}

// labels are the ids that labels of the page are for.
func (c *checker) labels(n *html.Node) []string {
	for n.Parent != nil {
		n = n.Parent
	}
	var ids []string
	for d := range n.Descendants() {
		if d.Data == "label" {
			require.NotEmpty(c.t, strings.TrimSpace(content(d)))
			ids = append(ids, attributes(d)["for"])
		}
	}
	return ids
}

func attributes(n *html.Node) map[string]string {
	all := map[string]string{}
	for _, a := range n.Attr {
		all[a.Key] = a.Val
	}
	return all
}

func content(n *html.Node) string {
	var text strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			text.WriteString(d.Data)
		}
	}
	return text.String()
}

// void are the elements without an end.
var void = map[string]bool{"meta": true, "link": true, "input": true, "br": true, "hr": true, "img": true, "wbr": true}

// balanced checks that each element ends where it should; browsers repair what
// does not, each in its own way.
func balanced(t *testing.T, page string) {
	t.Helper()
	var open []string
	for tokens := html.NewTokenizer(strings.NewReader(page)); ; {
		kind := tokens.Next()
		name, _ := tokens.TagName()
		switch {
		case kind == html.ErrorToken:
			require.ErrorIs(t, tokens.Err(), io.EOF)
			require.Empty(t, open, "elements that do not end")
			return
		case kind == html.StartTagToken && !void[string(name)]:
			open = append(open, string(name))
		case kind == html.EndTagToken:
			require.NotEmpty(t, open, "</%s> ends nothing", name)
			require.Equal(t, open[len(open)-1], string(name))
			open = open[:len(open)-1]
		}
	}
}
