package remotewrite

import (
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
)

// Status is how sending to one remote goes.
type Status struct {
	Name string
	// URL bears no credentials and no parameters.
	URL string
	// Protocol is the version that is spoken now: "1.0" or "2.0".
	Protocol    string
	LastSuccess time.Time // zero: none in this process
	// LastError is empty if the last request succeeded, or none was sent yet.
	LastError   string
	LastErrorAt time.Time
	// Behind is the age of the oldest sample that is not acknowledged.
	Behind time.Duration
	// Pending samples are in the queue; what is still to be read is not counted.
	Pending int
	// Sent, Rejected and Expired are samples: acknowledged, refused by the remote for
	// good (as it had them already, say), and older than sample_age_limit. Failed are
	// requests that are tried again, Unreadable spans of time that storage could not
	// give back. All count from the start of the process or the last change of the entry.
	Sent, Rejected, Expired, Failed, Unreadable uint64
	// CatchingUp: samples from From on are read from storage, up to To.
	CatchingUp bool
	From, To   time.Time
}

// failureEvery is how often a failure that goes on is logged.
const failureEvery = 10 * time.Minute

// see changes what is shown.
func (r *remote) see(change func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
}

// view may be called from any goroutine.
func (r *remote) view(now time.Time) Status {
	oldest := r.queue.oldest()
	pending, _ := r.queue.length()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Pending = pending
	if s.CatchingUp {
		oldest = min(oldest, r.done)
	}
	if oldest != never {
		s.Behind = max(0, now.Sub(time.UnixMilli(oldest)))
	}
	return s
}

// accept counts a request that was taken, whole or, by its counts, in part.
func (r *remote) accept(batch []sample, protocol remoteapi.WriteMessageType, rep reply) {
	sent := len(batch)
	if protocol == remoteapi.WriteV2MessageType {
		sent = min(max(rep.stored, 0), len(batch))
	}
	if sent < len(batch) {
		err := rep.err
		if err == nil {
			err = errPartly
		}
		r.reject(len(batch)-sent, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Sent += uint64(sent)
	r.status.LastSuccess = time.Now()
	r.status.Protocol = version(protocol)
	if sent == len(batch) {
		r.status.LastError = ""
	}
	if !r.logged.IsZero() && sent == len(batch) {
		r.logged = time.Time{}
		r.log.Info("remote takes samples again")
	}
}

// fail counts a request that is tried again.
func (r *remote) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Failed++
	r.noteLocked("samples not sent, trying again", err)
}

// reject counts samples that are given up.
func (r *remote) reject(n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Rejected += uint64(n)
	r.noteLocked("remote refuses samples", err)
}

func (r *remote) expire(n int) { r.see(func(s *Status) { s.Expired += uint64(n) }) }

func (r *remote) noteLocked(what string, err error) {
	now := time.Now()
	r.status.LastError, r.status.LastErrorAt = err.Error(), now
	if r.logged.IsZero() || now.Sub(r.logged) >= failureEvery {
		r.logged = now
		r.log.Warn(what, "err", err)
	}
}

func version(protocol remoteapi.WriteMessageType) string {
	if protocol == remoteapi.WriteV2MessageType {
		return "2.0"
	}
	return "1.0"
}
