package web

import (
	"net/http"
	"runtime"

	"github.com/tocsin/tocsin/api"
)

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
	// Waiting is what one of them has yet to be told, or has refused.
	Waiting bounded[waitingView]
}

// waitingView is an alert that an Alertmanager does not know as it is.
type waitingView struct {
	Name, Why string
	Labels    []pair
	Ended     bool
	Delivery  deliveryView
}

// waiting lists the alerts of which some Alertmanager has yet to be told.
func (h *Handler) waiting(src *source) bounded[waitingView] {
	var list bounded[waitingView]
	for _, refs := range [][]alertRef{src.alerts.firing, src.alerts.quiet, src.alerts.resolved} {
		for i := range refs {
			for _, d := range h.deliveries(refs[i].alert.Labels) {
				if d.State != api.DeliveryWaiting && d.State != api.DeliveryRefused {
					continue
				}
				if list.Total++; list.Total <= maxShown {
					v := newAlertView(&refs[i], src.now)
					list.Shown = append(list.Shown, waitingView{v.Name, v.Why, v.Labels, v.Resolved.Known(), newDeliveryView(&d, src.now)})
				}
			}
		}
	}
	return list
}

func (h *Handler) deliveriesPage(w http.ResponseWriter, _ *http.Request) {
	src := h.source()
	p := deliveriesPage{frame: src.frame("deliveries", "Deliveries")}
	for i := range src.status.Alertmanagers {
		p.Alertmanagers = append(p.Alertmanagers, newAlertmanagerView(&src.status.Alertmanagers[i], src.now))
	}
	p.Waiting = h.waiting(src)
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
	Go       string
	Clock    clockView
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
		Go: runtime.Version(), Clock: newClockView(&st.Clock, src.now),
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
