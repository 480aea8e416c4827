package targets

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// written writes a file of targets and returns its path.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func TestReadFileSD(t *testing.T) {
	want := []health.Target{
		{Name: "10.0.0.1:80", Labels: map[string]string{"dc": "eu", "port": "80"}},
		{Name: "10.0.0.2:80", Labels: map[string]string{"dc": "eu", "port": "80"}},
		{Name: "https://shop.example/"},
	}
	for name, text := range map[string]string{
		"shops.json": `[
			{"targets": ["10.0.0.1:80", "10.0.0.2:80"], "labels": {"dc": "eu", "port": "80", "__meta_rack": "7", "__scheme__": "https"}},
			{"labels": {}, "targets": ["https://shop.example/"]},
			{"targets": []}]`,
		"shops.yml": "# by the inventory\n- targets:\n  - 10.0.0.1:80\n  - \"10.0.0.2:80\"\n" +
			"  labels: &eu\n    dc: eu\n    port: 80\n    __meta_rack: 7\n- labels: {}\n  targets: ['https://shop.example/']\n- targets: []\n",
		"SHOPS.YAML": "---\n[{labels: {dc: eu, port: '80'}, targets: [\"10.0.0.1:80\", \"10.0.0.2:80\"]}, {targets: ['https://shop.example/']}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			found, err := ReadFileSD(written(t, name, text))
			require.NoError(t, err)
			require.Equal(t, want, found)
		})
	}
	for _, name := range []string{"none.json", "none.yml"} {
		found, err := ReadFileSD(written(t, name, "[]"))
		require.NoError(t, err)
		require.Empty(t, found)
	}
}

func TestFileSDThatIsWrong(t *testing.T) {
	const list, empty = "write it like [one, two]", "the name of a target is empty; write something like 10.0.0.1:80"
	for _, c := range []struct{ name, text, want string }{
		{"a.json", ``, `:1:1: the file ends too early; write a list of groups, like [{"targets": []}]`},
		{"a.json", "[\n {\"targets\": [\"a\"", `:2:18: the file ends too early; write a list of groups, like [{"targets": []}]`},
		{"a.json", "[\n {\"targets\": [\"é\" \"b\"]}]", `:2:15: "é" cannot name a target; write printable ASCII without spaces, quotes, backslashes, < and >`},
		{"a.json", "[\n {\"targets\": [\"a\" \"b\"]}]", `:2:19: this is not JSON: invalid character '"' after array element; correct the text here`},
		{"a.json", `{"targets": []}`, `:1:1: "{" stands where a list of groups is expected`},
		{"a.json", `[null]`, `:1:2: null stands where a group, like {"targets": [], "labels": {}} is expected`},
		{"a.json", `[{"target": []}]`, `:1:3: unknown key "target"; write targets or labels`},
		{"a.json", `[{"targets": [], "targets": []}]`, `:1:18: the key targets is written twice; keep one of them`},
		{"a.json", `[{"targets": "a"}]`, `:1:14: text stands where a list of targets is expected`},
		{"a.json", `[{"targets": ["a", 7]}]`, `:1:20: 7 stands where the name of a target is expected; put it in quotes`},
		{"a.json", `[{"targets": [""]}]`, `:1:15: ` + empty},
		{"a.json", "[{\"targets\": [\"a\"]},\n{\"targets\": [\"b\",\n\"a\"]}]", `:3:1: the target a is already in line 1; remove one of them`},
		{"a.json", `[{"labels": {"a": 7}}]`, `:1:19: 7 stands where the value of a label is expected; put it in quotes`},
		{"a.json", `[{"labels": {"a": "", "a": ""}}]`, `:1:23: the label a is written twice; keep one of them`},
		{"a.json", `[{"labels": {"a-b": ""}}]`, `:1:14: "a-b" cannot name a label; write letters, digits and underscores, not beginning with a digit, at most 200`},
		{"a.json", `[] []`, `:1:4: something follows the list of groups; keep one list in the file`},

		{"a.yml", ``, `:1:1: the file is empty; write a list of groups, or [] for no targets`},
		{"a.yml", "# nothing\n", `:1:1: the file is empty; write a list of groups, or [] for no targets`},
		{"a.yml", "- targets: [a\n- b", `:2:1: this is not YAML: did not find expected ',' or ']'; correct the text here`},
		{"a.yml", "targets: [a]", `:1:1: a mapping stands where a list of groups is expected; write it like - targets: [one, two]`},
		{"a.yml", "-\n- targets: [a]", `:1:2: nothing stands where a group, like {targets: [], labels: {}} is expected`},
		{"a.yml", "- targets: [a]\n  source: x", `:2:3: unknown key "source"; write targets or labels`},
		{"a.yml", "- targets: [a]\n  targets: [b]", `:2:3: the key targets is written twice; keep one of them`},
		{"a.yml", "- targets: a", `:1:12: text stands where a list of targets is expected; ` + list},
		{"a.yml", "- targets: [[a]]", `:1:13: a list stands where the name of a target is expected; write a text`},
		{"a.yml", "- targets: ['']", `:1:13: ` + empty},
		{"a.yml", "- targets: [a, b]\n- targets:\n  - c\n  - b", `:4:5: the target b is already in line 1; remove one of them`},
		{"a.yml", "- labels: [a]", `:1:11: a list stands where labels, like {name: value} is expected`},
		{"a.yml", "- labels: {a: {b: c}}", `:1:15: a mapping stands where the value of a label is expected; write a text`},
		{"a.yml", "- labels: {a: b, a: c}", `:1:18: the label a is written twice; keep one of them`},
		{"a.yml", "- labels: {a: \"x\\ny\"}", `:1:12: the label a has a value with control characters; remove them`},
		{"a.yml", "- targets: [a]\n---\n- targets: [b]", `:2:1: something follows the list of groups; keep one document in the file`},
		{"a.txt", "[]", ` is neither JSON nor YAML by its name; let it end in .json, .yml or .yaml`},
	} {
		t.Run(c.text, func(t *testing.T) {
			path := written(t, c.name, c.text)
			_, err := ReadFileSD(path)
			require.EqualError(t, err, path+c.want)
		})
	}
	_, err := ReadFileSD(filepath.Join(t.TempDir(), "none.yml"))
	require.ErrorContains(t, err, "none.yml: no such file or directory")

	crowd := "- labels:\n"
	for i := range LabelsLimit + 1 {
		crowd += fmt.Sprintf("    l%d: x\n", i)
	}
	_, err = ReadFileSD(written(t, "a.yml", "- targets: [a]\n"+crowd))
	require.ErrorContains(t, err, "a.yml:2:3: the group has 21 labels; keep at most 20")
}

// 50,000 targets are read fast, and keep no set of labels twice, whether they
// come in one group or each in its own.
func TestManyTargets(t *testing.T) {
	const many = 50_000
	var one, each, inYAML strings.Builder
	one.WriteString(`[{"labels": {"job": "node", "dc": "eu"}, "targets": [""`)
	each.WriteString("[")
	for i := range many {
		name := fmt.Sprintf("10.%d.%d.%d:9100", i>>16, i>>8&255, i&255)
		fmt.Fprintf(&one, ",\n%q", name)
		fmt.Fprintf(&each, `{"targets": [%q], "labels": {"job": "node", "dc": "eu"}},`, name) // in one line
		fmt.Fprintf(&inYAML, "- targets: ['%s']\n  labels: {job: node, dc: eu}\n", name)
	}
	for name, text := range map[string]string{
		"one.json":  strings.Replace(one.String(), `"",`, "", 1) + "]}]",
		"each.json": strings.TrimSuffix(each.String(), ",") + "]",
		"each.yml":  inYAML.String(),
	} {
		path := written(t, name, text)
		start := time.Now()
		found, err := ReadFileSD(path)
		require.NoError(t, err)
		list, err := NewList(found, nil)
		require.NoError(t, err)
		took := time.Since(start)
		t.Logf("%s: %s", name, took)
		require.Equal(t, many, list.Len())
		require.Equal(t, reflect.ValueOf(found[0].Labels).Pointer(), reflect.ValueOf(found[many-1].Labels).Pointer())
		require.Less(t, took, 30*time.Second, "generous for slow machines: a mistake in it takes minutes")
	}
}
