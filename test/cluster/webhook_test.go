package cluster

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// webhook is the receiver behind all members: what people are notified of.
type webhook struct {
	mu      sync.Mutex
	notices []notice // guarded by mu
}

// notice is one alert of one notification.
type notice struct {
	at          time.Time
	by          string // the member's address
	Status      string
	Labels      map[string]string
	Annotations map[string]string
}

func (n notice) incident() string { return n.Labels["incident"] }
func (n notice) sender() string   { return n.Labels["sender"] }
func (n notice) late() string     { return n.Annotations["late_delivery"] }

func (n notice) String() string {
	late := ""
	if n.late() != "" {
		late = " late"
	}
	return fmt.Sprintf("%s %s: %s %s%s by %s", n.at.Format("15:04:05.000"), n.sender(), n.incident(), n.Status, late, n.by)
}

func (w *webhook) ServeHTTP(res http.ResponseWriter, req *http.Request) {
	var body struct{ Alerts []notice }
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(res, err.Error(), http.StatusBadRequest)
		return
	}
	by, _, _ := net.SplitHostPort(req.RemoteAddr)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range body.Alerts {
		n.at, n.by = time.Now(), by
		w.notices = append(w.notices, n)
	}
}

// all are the notices so far, in their order.
func (w *webhook) all() []notice {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.notices)
}

// told are the notices of one incident by one sender.
func (w *webhook) told(sender, incident, status string) []notice {
	return slices.DeleteFunc(w.all(), func(n notice) bool {
		return n.sender() != sender || n.incident() != incident || n.Status != status
	})
}
