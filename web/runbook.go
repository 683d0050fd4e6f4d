package web

import (
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// runbook serves one of the runbooks as the text that it is.
func (h *Handler) runbook(w http.ResponseWriter, r *http.Request) {
	text, ok := h.readRunbook(r.PathValue("name"))
	if !ok {
		writePlain(w, http.StatusNotFound, "There is no such runbook.\n")
		return
	}
	writePlain(w, http.StatusOK, text)
}

func (h *Handler) readRunbook(name string) (text string, ok bool) {
	if h.opts.Runbooks == nil {
		return "", false
	}
	b, err := fs.ReadFile(h.opts.Runbooks, name)
	return string(b), err == nil
}

// copyHere is where a runbook stands that an annotation leads to elsewhere; empty if
// it is none of ours. The address has to be that of our documentation, as the user's
// own runbooks may bear the same names.
func (h *Handler) copyHere(link string) string {
	u, err := url.Parse(link)
	if err != nil || !strings.HasSuffix(path.Dir(u.Path), "/docs/runbooks") {
		return ""
	}
	if _, ok := h.readRunbook(path.Base(u.Path)); !ok {
		return ""
	}
	return "runbooks/" + url.PathEscape(path.Base(u.Path))
}
