package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/tocsin/tocsin/api"
)

// targetsPage is the page at /targets.
type targetsPage struct {
	frame
	Targets bounded[targetView]
	Dropped string // empty if none is
}

// rankOf puts what is down before the rest.
func rankOf(h Health) int { return slices.Index([]Health{Down, Unknown, Up}, h) }

// droppedText says how many targets of which jobs relabelling has left out.
func droppedText(byJob map[string]int) string {
	var parts []string
	for _, job := range slices.Sorted(maps.Keys(byJob)) {
		if n := byJob[job]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s", n, short(job)))
		}
	}
	return strings.Join(parts, ", ")
}

func (h *Handler) targetsPage(w http.ResponseWriter, _ *http.Request) {
	src := h.source()
	p := targetsPage{frame: src.frame("targets", "Targets"), Dropped: droppedText(src.status.Dropped)}
	targets := slices.Clone(src.status.Targets)
	slices.SortStableFunc(targets, func(a, b Target) int { return cmp.Compare(rankOf(a.Health), rankOf(b.Health)) })
	for i := range targets {
		if p.Targets.Total++; p.Targets.Total <= maxShown {
			p.Targets.Shown = append(p.Targets.Shown, newTargetView(&targets[i], src.now))
		}
	}
	h.views.render(w, http.StatusOK, "targets", p)
}

// deliveriesPage is the page at /deliveries.
type deliveriesPage struct {
	frame
	Alertmanagers []alertmanagerView
	RemoteWrites  []remoteView
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
	for i := range src.status.RemoteWrites {
		p.RemoteWrites = append(p.RemoteWrites, newRemoteView(&src.status.RemoteWrites[i], src.now))
	}
	p.Waiting = h.waiting(src)
	h.views.render(w, http.StatusOK, "deliveries", p)
}

// statusPage is the page at /status: what is wrong with Tocsin itself, and how it
// is set up.
type statusPage struct {
	frame
	Problems []Problem
	Labels   []pair // of all that leaves this host
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
		frame: src.frame("status", "Status"), Problems: newProblems(st), Labels: hostLabels(st), State: string(st.State),
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
