package web

import "net/http"

// targetsPage is the page at /targets.
type targetsPage struct {
	frame
	Targets []targetView
}

func (h *Handler) targetsPage(w http.ResponseWriter, _ *http.Request) {
	src := h.source()
	p := targetsPage{frame: src.frame("targets", "Targets")}
	for i := range src.status.Targets {
		p.Targets = append(p.Targets, newTargetView(&src.status.Targets[i], src.now))
	}
	h.views.render(w, http.StatusOK, "targets", p)
}

// deliveriesPage is the page at /deliveries.
type deliveriesPage struct {
	frame
	Alertmanagers []alertmanagerView
}

func (h *Handler) deliveriesPage(w http.ResponseWriter, _ *http.Request) {
	src := h.source()
	p := deliveriesPage{frame: src.frame("deliveries", "Deliveries")}
	for i := range src.status.Alertmanagers {
		p.Alertmanagers = append(p.Alertmanagers, newAlertmanagerView(&src.status.Alertmanagers[i], src.now))
	}
	h.views.render(w, http.StatusOK, "deliveries", p)
}

// statusPage is the page at /status: what is wrong with Tocsin itself, and how it
// is set up.
type statusPage struct {
	frame
	Problems []Problem
	State    string
	Since    moment
	Started  moment
	Storage  storageView
	Settings []Setting
	Changed  int
}

func (h *Handler) statusPage(w http.ResponseWriter, _ *http.Request) {
	src := h.source()
	st := &src.status
	p := statusPage{
		frame: src.frame("status", "Status"), Problems: newProblems(st), State: string(st.State),
		Since: moment{st.Since, src.now}, Started: moment{st.Process.Started, src.now},
		Storage: newStorageView(&st.Storage, &st.Process, src.now),
	}
	for _, x := range st.Settings {
		p.Settings = append(p.Settings, Setting{Name: x.Name, Value: short(redact(x.Value)), Source: x.Source})
		if x.Source != "default" {
			p.Changed++
		}
	}
	h.views.render(w, http.StatusOK, "status", p)
}
