package test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// webhook is a receiver of Alertmanager's notifications: it sees what a person on
// call would see.
type webhook struct {
	url string

	mu     sync.Mutex
	notice []notice // guarded by mu
}

// notice is one alert of one notification.
type notice struct {
	Status      string
	Labels      map[string]string
	Annotations map[string]string
	StartsAt    time.Time
	EndsAt      time.Time
}

func newWebhook(t *testing.T) *webhook {
	w := &webhook{}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *webhook) ServeHTTP(res http.ResponseWriter, req *http.Request) {
	var body struct{ Alerts []notice }
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(res, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notice = append(w.notice, body.Alerts...)
}

// all are the alerts received so far, in their order.
func (w *webhook) all() []notice {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]notice(nil), w.notice...)
}

// count is how often an alert was received as firing or as resolved.
func (w *webhook) count(status, name string) int {
	n := 0
	for _, a := range w.all() {
		if a.Status == status && a.Labels["alertname"] == name {
			n++
		}
	}
	return n
}
