package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// pageWeight bounds a page with all that it needs, uncompressed: it is for slow lines.
const pageWeight = 100_000

// What a page names is there, is kept by browsers, and is not too much. The scripts
// name each other, and the chart library.
func TestAssets(t *testing.T) {
	h := newHandler(t, Options{})
	page := get(h, "/").Body.String()
	weight := len(page)
	for _, m := range regexp.MustCompile(`(?:href|src)="(assets/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		w := get(h, "/"+m[1])
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, %v", m[1], w.Code, w.Header())
		}
	}
	kinds := map[string]string{".js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "NSE": "text/plain; charset=utf-8"}
	for name, b := range h.assets.files {
		weight += len(b)
		w := get(h, "/assets/other/"+name)
		if got := w.Header().Get("Content-Type"); got != kinds[name[len(name)-3:]] || w.Header().Get("Cache-Control") != "no-store" || !bytes.Equal(w.Body.Bytes(), b) {
			t.Errorf("%s as another version's: %v", name, w.Header())
		}
	}
	if weight > pageWeight {
		t.Errorf("a page is %d bytes with all that it needs, more than %d", weight, pageWeight)
	}
	if w := get(h, "/assets/"+h.assets.version+"/none.js"); w.Code != http.StatusNotFound {
		t.Errorf("status %d for a file that is not there", w.Code)
	}
}

// The chart library is the one that was released, as scripts/assets fetches it.
func TestChartLibraryIsTheReleased(t *testing.T) {
	for name, want := range map[string]string{
		"uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
		"uPlot.min.css":     "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
	} {
		b, err := os.ReadFile("assets/uplot/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s has the hash %x", name, sum)
		}
	}
}
