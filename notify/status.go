package notify

import "time"

// Status is how the deliveries to one Alertmanager are doing, for the status
// page. Counts are in alerts and start at zero with the process.
type Status struct {
	// URL of the Alertmanager without its password; also the value of the
	// metrics' alertmanager label.
	URL string
	// Pending is how many alerts wait for delivery.
	Pending int
	// LastAttempt and LastSuccess are when the last request and the last
	// acknowledged request ended; zero if there was none.
	LastAttempt, LastSuccess time.Time
	// LastError says why the last attempt failed; empty if it succeeded.
	LastError string
	// Failures is how many attempts have failed since the last success.
	Failures int
	// NextTry is when the back-off ends; zero if there is none.
	NextTry time.Time
	// LastRejection names the last alert that the Alertmanager refused, and why;
	// empty if it never refused one.
	LastRejection string
	// Sent alerts were acknowledged, Failed ones were part of a request that was
	// not (and are sent again), Dropped ones are lost: refused, or pushed out
	// of a full outbox.
	Sent, Failed, Dropped uint64
}
