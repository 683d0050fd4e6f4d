package web

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tocsin/tocsin/engine"
)

const (
	// lookEvery is how often a listener's state is compared, and with that how often
	// events can come.
	lookEvery = time.Second
	// beatEvery is how often a stream without news repeats the last: proxies end those
	// that are silent for a minute, and pages take silence for a lost connection.
	beatEvery = 15 * time.Second
	// sendWithin is how long a listener may take to take one event.
	sendWithin = 10 * time.Second
	// maxListeners bounds the streams; pages beyond that are as without script.
	maxListeners = 32
)

// events are the streams that tell pages to look again.
type events struct {
	slots chan struct{}
	ended chan struct{} // closed at the end
	once  sync.Once
}

func newEvents() *events {
	return &events{slots: make(chan struct{}, maxListeners), ended: make(chan struct{})}
}

// end ends all streams, for good.
func (e *events) end() { e.once.Do(func() { close(e.ended) }) }

// serveEvents is a stream of server-sent events (HTML, 9.2): one named snapshot
// whenever what pages show has changed, and at each beat, its data the state that they
// then show. It costs nothing while nobody listens.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case h.events.slots <- struct{}{}:
		defer func() { <-h.events.slots }()
	default:
		w.Header().Set("Retry-After", "30")
		writePlain(w, http.StatusServiceUnavailable, "Too many pages listen.\n")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies that keep answers back take this for a word
	w.WriteHeader(http.StatusOK)
	conn := http.NewResponseController(w)
	send := func(text string) bool {
		// A server has one time-out for a whole response, which this one outlives.
		if err := conn.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
			return false
		}
		_, err := fmt.Fprint(w, text)
		return err == nil && conn.Flush() == nil
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, beat := "", time.Now()
	for {
		st := h.opts.Status()
		if now := seen(&st, h.snapshot(), h.opts.Now()); now != last || time.Since(beat) >= beatEvery {
			if !send("event: snapshot\ndata: " + now + "\n\n") {
				return
			}
			last, beat = now, time.Now()
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-h.events.ended:
			return
		}
	}
}

// seen names the state that a page shows: it changes when the page would, and each
// minute, as what has stopped to change shows by its age alone.
func seen(st *Status, s *engine.Snapshot, now time.Time) string {
	sum := fnv.New64a()
	note := func(at time.Time, more ...any) {
		fmt.Fprintln(sum, at.UnixNano(), more) // hashes return no errors
	}
	note(now.Truncate(time.Minute))
	note(st.Since, st.State, st.Problems, st.Storage.Trouble, len(st.Settings))
	for i := range s.Groups {
		note(s.Groups[i].LastEvaluation, s.Groups[i].Name, len(s.Groups[i].Rules))
	}
	for i := range st.Targets {
		note(st.Targets[i].LastScrape, st.Targets[i].LastError)
	}
	for i := range st.Alertmanagers {
		a := &st.Alertmanagers[i]
		note(a.LastSuccess, a.LastError, a.NextTry.UnixNano(), a.Pending, a.Undelivered)
	}
	return strconv.FormatUint(sum.Sum64(), 36)
}
