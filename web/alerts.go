package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
)

type apiAlerts struct {
	Alerts []apiAlert `json:"alerts"`
}

type apiAlert struct {
	Labels          labels.Labels `json:"labels"`
	Annotations     labels.Labels `json:"annotations"`
	State           string        `json:"state"`
	ActiveAt        *time.Time    `json:"activeAt,omitempty"`
	KeepFiringSince *time.Time    `json:"keepFiringSince,omitempty"`
	Value           string        `json:"value"`
	// HeldSince is ours: clients of Prometheus pass over it.
	HeldSince *time.Time `json:"heldSince,omitempty"`
}

// alerts lists what is pending and what fires, in the order of the rules.
func (h *Handler) alerts(w http.ResponseWriter, _ *http.Request) {
	list := apiAlerts{Alerts: []apiAlert{}}
	for _, g := range h.groups() {
		for i := range g.Rules {
			list.Alerts = append(list.Alerts, activeAlerts(&g.Rules[i])...)
		}
	}
	h.respond(w, list)
}

// snapshot is the engine's last, or an empty one.
func (h *Handler) snapshot() *engine.Snapshot {
	if s := h.opts.Snapshot(); s != nil {
		return s
	}
	return &engine.Snapshot{}
}

// activeAlerts leaves out the alerts that have ended, as Prometheus does.
func activeAlerts(r *engine.RuleStatus) []apiAlert {
	list := []apiAlert{}
	for i := range r.Alerts {
		a := &r.Alerts[i]
		if a.State == alert.Inactive {
			continue
		}
		out := apiAlert{
			Labels:      a.Labels,
			Annotations: a.Annotations,
			State:       a.State.String(),
			ActiveAt:    &a.ActiveAt,
			Value:       strconv.FormatFloat(a.Value, 'e', -1, 64),
		}
		if !a.KeepFiringSince.IsZero() {
			out.KeepFiringSince = &a.KeepFiringSince
		}
		if !a.HeldSince.IsZero() {
			out.HeldSince = &a.HeldSince
		}
		list = append(list, out)
	}
	return list
}
