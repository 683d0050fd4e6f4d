package browser

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestTabSeesWhatPagesMustNotDo is about the tests' own eyes: a page that does all
// of it.
func TestTabSeesWhatPagesMustNotDo(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'self'")
		switch r.URL.Path {
		case "/script.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(`console.error("said"); alert("asked"); new Image().src = "http://elsewhere.example/x.png"; throw new Error("thrown");`))
		default:
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`<!doctype html><title>x</title><body onload="1"><script>1</script><script src="script.js"></script>`))
		}
	}))
	t.Cleanup(page.Close)
	b := openTab(t, page.URL)
	b.open("/")
	var got []string
	for _, want := range []string{"console: \"said\"", "dialog: asked", "exception: ", "policy: script-src", "request to another host: http://elsewhere.example"} {
		eventually(t, want, func() error {
			got = append(got, b.takeFaults()...)
			if !slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, want) }) {
				return errNotSeen(got)
			}
			return nil
		})
	}
}

type errNotSeen []string

func (e errNotSeen) Error() string { return "not among " + strings.Join(e, "; ") }
