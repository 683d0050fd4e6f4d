package web

import (
	"compress/gzip"
	"net/http"
	"strings"
	"sync"
)

// minGzip is the size from which on compression pays.
const minGzip = 1400

var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one of the package's own
	}
	return w
}}

// acceptsGzip tells whether the client takes compressed responses: lines from
// the edge are slow, and JSON shrinks to a tenth.
func acceptsGzip(r *http.Request) bool {
	for clause := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(clause, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, _ := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			return strings.Trim(q, "0.") != "" || q == ""
		}
	}
	return false
}

func writePlain(w http.ResponseWriter, status int, text string) {
	writeBody(w, status, "text/plain; charset=utf-8", []byte(text))
}

// writeBody sends a response that is complete, compressed if the client takes
// that. An error means that the client has gone, which is no news to anybody.
func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Add("Vary", "Accept-Encoding")
	rec, ok := w.(*recorder)
	if !ok || !rec.gzip || len(body) < minGzip {
		w.WriteHeader(status)
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(z)
	z.Reset(w)
	_, _ = z.Write(body)
	_ = z.Close()
}
