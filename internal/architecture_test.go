// Package internal holds the test of the rule that imports point one way.
package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "paramedic"

// goPackage is what a folder of Go files imports, whatever the build tags.
type goPackage struct {
	Imports     []string
	TestImports []string
}

// listPackages reads the imports of every package of the module.
func listPackages(t *testing.T) map[string]goPackage {
	t.Helper()
	packages := map[string]goPackage{}
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return skipForeign(file, entry.Name())
		case !strings.HasSuffix(file, ".go"):
			return nil
		}
		name := path.Join(module, strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), ".."))
		p := packages[name]
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if strings.HasSuffix(file, "_test.go") {
				p.TestImports = append(p.TestImports, imported)
			} else {
				p.Imports = append(p.Imports, imported)
			}
		}
		packages[name] = p
		return nil
	})
	require.NoError(t, err)
	return packages
}

// skipForeign leaves out what is no package of this module.
func skipForeign(folder, name string) error {
	hidden := strings.HasPrefix(name, ".") && name != ".."
	module := folder != ".." && exists(filepath.Join(folder, "go.mod"))
	if hidden || module || name == "testdata" || name == "data" || name == "bin" {
		return fs.SkipDir
	}
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// reached returns every package that start imports, directly or not, each with
// the chain of imports that leads there. It looks no further than this module.
func reached(packages map[string]goPackage, start string) map[string]string {
	chains := map[string]string{}
	var visit func(name, chain string)
	visit = func(name, chain string) {
		for _, imported := range packages[name].Imports {
			if _, seen := chains[imported]; seen {
				continue
			}
			chains[imported] = chain + " -> " + imported
			visit(imported, chains[imported])
		}
	}
	visit(start, start)
	return chains
}

// within reports whether a package is one of those named, or below one.
func within(name string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return name == root || strings.HasPrefix(name, root+"/")
	})
}

var (
	drivers = []string{
		"paramedic/internal/probe", "paramedic/internal/remedy", "paramedic/internal/alert", "paramedic/internal/store",
	}
	outside = append(slices.Clone(drivers), "paramedic/internal/config", "paramedic/internal/web",
		"paramedic/internal/fleet", "paramedic/internal/devserver")
)

// TestForbiddenReach: workflows know names and limits, and nothing of how
// services are probed, healed or shown; the operator's command line is no server.
func TestForbiddenReach(t *testing.T) {
	packages := listPackages(t)
	rules := map[string][]string{
		"paramedic/workflows":          outside,
		"paramedic/activities":         outside,
		"paramedic/internal/health":    {module},
		"paramedic/internal/option":    {"paramedic/workflows", "paramedic/activities"},
		"paramedic/internal/config":    {"paramedic/internal/fleet", "paramedic/internal/web", "paramedic/internal/devserver"},
		"paramedic/internal/board":     {"paramedic/workflows", "paramedic/activities", "paramedic/internal/config", "paramedic/internal/web"},
		"paramedic/internal/web":       {"paramedic/internal/devserver", "paramedic/internal/probe", "paramedic/internal/remedy", "paramedic/internal/config"},
		"paramedic/internal/web/pages": {"paramedic/internal/web/api", "paramedic/internal/config", "paramedic/internal/probe"},
		"paramedic/internal/web/api":   {"paramedic/internal/web/pages", "paramedic/internal/config", "paramedic/internal/probe"},
		"paramedic/internal/metrics":   {"paramedic/internal/web", "paramedic/internal/config", "paramedic/internal/probe"},
		"paramedic/starter":            {"paramedic/internal/devserver", "paramedic/internal/web", "paramedic/internal/fleet"},
	}
	for start, forbidden := range rules {
		require.Contains(t, packages, start)
		for name, chain := range reached(packages, start) {
			if within(name, forbidden...) {
				t.Errorf("%s must not reach %s:\n%s", start, name, chain)
			}
		}
	}
}

// TestDriversStandAlone: a driver knows the domain, its options, how names are
// resolved and commands started, and no part of paramedic besides.
func TestDriversStandAlone(t *testing.T) {
	for name, p := range listPackages(t) {
		if !within(name, drivers...) {
			continue
		}
		for _, imported := range p.Imports {
			own := within(imported, drivers...) && within(imported, name)
			allowed := own || within(imported, "paramedic/internal/health", "paramedic/internal/option",
				"paramedic/internal/program", "paramedic/internal/resolve")
			if within(imported, module) && !allowed {
				t.Errorf("driver %s must import only health, option, program and resolve, and imports %s", name, imported)
			}
		}
	}
}

// TestHealthIsPure: the domain needs nothing but the standard library, so that
// workflows can trust it.
func TestHealthIsPure(t *testing.T) {
	for _, imported := range listPackages(t)["paramedic/internal/health"].Imports {
		first, _, _ := strings.Cut(imported, "/")
		if strings.Contains(first, ".") || first == module {
			t.Errorf("health must import only the standard library, and imports %s", imported)
		}
	}
}

// TestServerStaysInDevserver: the Temporal server is large, and the build tag
// that leaves it out works only if one package imports it.
func TestServerStaysInDevserver(t *testing.T) {
	for name, p := range listPackages(t) {
		if within(name, "paramedic/internal/devserver", "paramedic/internal/integration") {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports) {
			if within(imported, "go.temporal.io/server", "github.com/temporalio/ui-server") {
				t.Errorf("%s must not import %s: only internal/devserver does", name, imported)
			}
		}
	}
}

// TestPackageNamesSayWhatTheyHold: a package that may hold anything will.
func TestPackageNamesSayWhatTheyHold(t *testing.T) {
	meaningless := []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "pkg", "misc", "base"}
	for name := range listPackages(t) {
		if slices.Contains(meaningless, path.Base(name)) {
			t.Errorf("%s: the name says nothing about what the package holds", name)
		}
	}
}
