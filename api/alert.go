package api

import "time"

// Rule names one rule and says where it stands.
type Rule struct {
	Name  string `json:"name"`
	Type  string `json:"type"` // alerting or recording
	Group string `json:"group"`
	File  string `json:"file"`
	Line  int    `json:"line"`
}

// States of an Alert.
const (
	Firing   = "firing"
	Pending  = "pending"
	Resolved = "resolved"
)

// Alert is one alert, pending, firing or, for 15 minutes, resolved. Times are zero
// where they do not apply.
type Alert struct {
	Name        string            `json:"name"`
	State       string            `json:"state"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Value       Value             `json:"value"` // when the expression last returned it
	// Since is when it began to fire, or for one that is pending when the expression
	// first returned it.
	Since time.Time `json:"since"`
	// ActiveAt is when the expression first returned it, Due when a pending one fires.
	ActiveAt   time.Time `json:"activeAt,omitzero"`
	Due        time.Time `json:"due,omitzero"`
	FiredAt    time.Time `json:"firedAt,omitzero"`
	ResolvedAt time.Time `json:"resolvedAt,omitzero"`
	// KeepFiringSince and KeepFiringUntil: the expression does not return it any
	// more, keep_firing_for goes on.
	KeepFiringSince time.Time `json:"keepFiringSince,omitzero"`
	KeepFiringUntil time.Time `json:"keepFiringUntil,omitzero"`
	// HeldSince: there is no evidence since then, so that it stays as it is, until
	// HeldUntil at most.
	HeldSince time.Time `json:"heldSince,omitzero"`
	HeldUntil time.Time `json:"heldUntil,omitzero"`

	Rule Rule `json:"rule"`
	// Deliveries are in the order of the Alertmanagers; none for a pending alert that
	// nobody has been told of.
	Deliveries []Delivery `json:"deliveries"`
}

// Held tells whether the alert stays as it is for want of evidence.
func (a *Alert) Held() bool { return a.State != Resolved && !a.HeldSince.IsZero() }

// Quiet tells whether the alert fires always and by design, like a dead man's
// switch: severity none is the custom for them.
func (a *Alert) Quiet() bool { return a.Labels["severity"] == "none" }

// States of a Delivery.
const (
	// DeliveryTold: it knows what the alert does now. DeliveryWaiting: it has yet to
	// be told. DeliveryRefused: it does not take the alert. DeliveryUnknown: this
	// process has not told it; a process before may have.
	DeliveryTold     = "told"
	DeliveryWaiting  = "waiting"
	DeliveryRefused  = "refused"
	DeliveryWithheld = "withheld" // alert_relabel_configs keep it from this Alertmanager
	DeliveryUnknown  = "unknown"
)

// Delivery is what one Alertmanager was told of one alert.
type Delivery struct {
	Alertmanager string `json:"alertmanager"`
	State        string `json:"state"`
	// Told is what it last took in: firing or resolved; empty if nothing. ToldAt is
	// when it was first told that, ConfirmedAt when it last was.
	Told        string    `json:"told,omitempty"`
	ToldAt      time.Time `json:"toldAt,omitzero"`
	ConfirmedAt time.Time `json:"confirmedAt,omitzero"`
	// WaitingSince is since when it was to be told what it does not know.
	WaitingSince time.Time `json:"waitingSince,omitzero"`
	// Error is why it could not be told, or why it refused; NextTry when it is tried
	// again.
	Error   string    `json:"error,omitempty"`
	NextTry time.Time `json:"nextTry,omitzero"`
}
