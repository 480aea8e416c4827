package browser

import (
	"bytes"
	"cmp"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// refresh says that the pictures of the documentation are taken anew. They are
// kept as long as they are right: a picture differs each time by its dates.
var refresh = flag.Bool("refresh", false, "take the pictures in docs anew")

const (
	docs = "../../docs"
	// pictureLimit is the most that a picture of the documentation may take, in
	// bytes.
	pictureLimit = 150 << 10
)

// TestPicturesOfTheDocumentation takes them, if asked to, and checks that they
// are there and small.
func TestPicturesOfTheDocumentation(t *testing.T) {
	t.Parallel()
	if *refresh {
		takePictures(t)
	}
	for _, name := range []string{"overview", "service", "incident-page", "pipeline"} {
		file := filepath.Join(docs, name+".png")
		found, err := os.Stat(file)
		require.NoError(t, err, "take it with: go test ./internal/browser -run Pictures -refresh")
		require.Less(t, found.Size(), int64(pictureLimit), file)
	}
}

func takePictures(t *testing.T) {
	browser := launch(t)
	w := plant(t, outage+4*time.Minute)
	clickhouse, _ := w.board.Service("clickhouse")
	for _, one := range []struct {
		name, page string
		height     int64
	}{
		{"overview", "/", 960},
		{"service", "/services/clickhouse", 960},
		{"incident-page", pageOf(*clickhouse.Incident), 1180},
		{"pipeline", "/system/pipeline", 1160},
	} {
		p := browser.open(t)
		p.do(still, preferring("light"), chromedp.EmulateViewport(desktop.width, one.height))
		p.visit(w.address + one.page)
		p.requireQuiet()
		shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(docs, one.name+".png"), small(t, shot), 0o644))
	}
}

// small is a picture with its 256 most frequent colours alone.
func small(t testing.TB, shot []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(shot))
	require.NoError(t, err)
	counts := map[color.Color]int{}
	area := full.Bounds()
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			counts[full.At(x, y)]++
		}
	}
	var palette color.Palette
	for one := range counts {
		palette = append(palette, one)
	}
	slices.SortFunc(palette, func(a, b color.Color) int { return cmp.Compare(counts[b], counts[a]) })
	few := image.NewPaletted(area, palette[:min(len(palette), 256)])
	draw.Draw(few, area, full, area.Min, draw.Src)
	var written bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	require.NoError(t, encoder.Encode(&written, few))
	return written.Bytes()
}
