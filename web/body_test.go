package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/prometheus/promql"
)

func TestCompression(t *testing.T) {
	long := newHandler(t, Options{Query: answer(promql.String{V: strings.Repeat("a long answer ", 1000)}, nil)})
	short := newHandler(t, Options{Query: answer(promql.String{V: "a"}, nil)})
	for accept, packed := range map[string]bool{
		"": false, "identity": false, "gzip": true, "gzip, deflate, br": true, "br;q=1, GZIP ; q=0.5": true, "gzip;q=1": true,
		"gzip;q=0": false, "gzip; q=0.0": false, "deflate": false, "*": false, "x-gzip": false,
	} {
		w := ask(long, http.MethodGet, "localhost", "/api/v1/query?query=x", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != packed || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: compressed %t, want %t; Vary %q", accept, got, packed, w.Header().Get("Vary"))
		}
		if packed && w.Body.Len() > 1000 {
			t.Errorf("%q: %d bytes", accept, w.Body.Len())
		}
		if w := ask(short, http.MethodGet, "localhost", "/api/v1/query?query=x", "Accept-Encoding", accept); w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%q: a short answer is compressed", accept)
		}
	}
}

// The writers are shared: one answer must not end in another.
func TestCompressedAnswersStayApart(t *testing.T) {
	h := newHandler(t, Options{})
	plain := ask(h, http.MethodGet, "localhost", "/").Body.String()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				z, err := gzip.NewReader(ask(h, http.MethodGet, "localhost", "/", "Accept-Encoding", "gzip").Body)
				if err != nil {
					t.Error(err)
					return
				}
				if text, err := io.ReadAll(z); err != nil || string(text) != plain {
					t.Errorf("%v, %d bytes of %d", err, len(text), len(plain))
				}
			}
		})
	}
	wg.Wait()
}
