package metrics

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// packed packs the answers of those who can unpack them, as a Prometheus can.
// The text repeats itself so much that the fastest way of packing makes it
// small, in a third of the time that the usual way takes.
func packed(next http.Handler) http.Handler {
	writers := sync.Pool{New: func() any {
		writer, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		if err != nil { // there is this level
			return gzip.NewWriter(io.Discard)
		}
		return writer
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !unpacks(r.Header.Values("Accept-Encoding")) {
			next.ServeHTTP(w, r)
			return
		}
		writer := writers.Get().(*gzip.Writer)
		defer writers.Put(writer)
		writer.Reset(w)
		w.Header().Set("Content-Encoding", "gzip")
		next.ServeHTTP(&packer{w, writer}, r)
		// An error here means that the reader has gone.
		_ = writer.Close()
	})
}

// packer is an answer that is packed on its way.
type packer struct {
	http.ResponseWriter
	gzip *gzip.Writer
}

// Write implements http.ResponseWriter.
func (p *packer) Write(text []byte) (int, error) { return p.gzip.Write(text) }

// unpacks reports whether gzip is among the encodings that are accepted.
func unpacks(accepted []string) bool {
	for _, values := range accepted {
		for value := range strings.SplitSeq(values, ",") {
			name, quality, _ := strings.Cut(value, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				return quality == "" || strings.Trim(quality, " q=0.") != "" // a quality of 0 is a refusal
			}
		}
	}
	return false
}
