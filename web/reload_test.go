package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReload(t *testing.T) {
	var calls int
	var fail error
	on := newHandler(t, Options{Reload: func() error { calls++; return fail }})
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		w := httptest.NewRecorder()
		on.ServeHTTP(w, request(method, "/-/reload", ""))
		if w.Code != 200 || w.Body.Len() != 0 {
			t.Errorf("%s: %d %q", method, w.Code, w.Body)
		}
	}
	if w := get(on, "/-/reload"); w.Code != 405 || calls != 2 {
		t.Errorf("GET: %d, %d calls", w.Code, calls)
	}
	fail = errors.New("rules.yml:6:21: http://u:secret@host")
	w := httptest.NewRecorder()
	on.ServeHTTP(w, request(http.MethodPost, "/-/reload", ""))
	if w.Code != 500 || w.Body.String() != "failed to reload config: rules.yml:6:21: http://u:xxxxx@host\n" {
		t.Errorf("bad rules: %d %q", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	newHandler(t, Options{}).ServeHTTP(w, request(http.MethodPost, "/-/reload", ""))
	if w.Code != 403 || !strings.Contains(w.Body.String(), "--web.enable-lifecycle") {
		t.Errorf("off: %d %q", w.Code, w.Body)
	}
}
