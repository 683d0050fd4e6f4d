package web

import "net/http"

// reload reads the rule files again, where the user has allowed that.
func (h *Handler) reload(w http.ResponseWriter, _ *http.Request) {
	if h.opts.Reload == nil {
		writePlain(w, http.StatusForbidden, "Reloading over HTTP is off; start Tocsin with --web.enable-lifecycle (WEB_ENABLE_LIFECYCLE=on), or send it SIGHUP.\n")
		return
	}
	if err := h.opts.Reload(); err != nil {
		writePlain(w, http.StatusInternalServerError, "failed to reload config: "+redact(err.Error())+"\n")
		return
	}
	w.WriteHeader(http.StatusOK)
}
