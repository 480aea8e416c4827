package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

// sheet is the one style sheet that pages load: all of them, pages.css first.
const sheet = "pages.css"

// asset is a file that pages load.
type asset struct {
	content []byte
	kind    string
	// version is a hash of the content.
	version string
}

// assets are by name.
type assets map[string]asset

func loadAssets() (assets, error) {
	files, err := fs.Glob(staticFiles, "static/*")
	if err != nil {
		return nil, fmt.Errorf("list static files: %w", err)
	}
	slices.SortStableFunc(files, func(a, b string) int { return first(b) - first(a) })
	all, styles := assets{}, bytes.Buffer{}
	for _, file := range files {
		content, err := staticFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if path.Ext(file) == ".css" {
			styles.Write(content)
			styles.WriteByte('\n')
			continue
		}
		all.add(path.Base(file), content)
	}
	all.add(sheet, styles.Bytes())
	return all, nil
}

// first puts the sheet of all pages before those of single ones.
func first(file string) int {
	if path.Base(file) == sheet {
		return 1
	}
	return 0
}

func (a assets) add(name string, content []byte) {
	sum := sha256.Sum256(content)
	kind := mime.TypeByExtension(path.Ext(name))
	if strings.HasSuffix(name, ".js") {
		kind = "text/javascript; charset=utf-8"
	}
	a[name] = asset{content, kind, hex.EncodeToString(sum[:8])}
}

// address is where a file is, with its version, so that it can be kept for ever.
func (a assets) address(name string) (string, error) {
	found, ok := a[name]
	if !ok {
		return "", fmt.Errorf("no static file %q", name)
	}
	return "/static/" + name + "?v=" + found.version, nil
}

// static answers with a file.
func (p *Pages) static(w http.ResponseWriter, r *http.Request) {
	found, ok := p.assets[r.PathValue("name")]
	if !ok {
		p.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", found.kind)
	header.Set("ETag", `"`+found.version+`"`)
	header.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == found.version {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(found.content))
}
