package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// verdict is what a failed request means for the alerts in it.
type verdict uint8

const (
	// retry: nothing is wrong with the alerts, try again after a back-off.
	retry verdict = iota
	// misconfigured: neither, but only the operator can help. The alerts are
	// kept and tried again all the same, since the operator will.
	misconfigured
	// rejected: at least one of the alerts is at fault. The others may or may
	// not have been stored.
	rejected
)

// maxText bounds the part of a reply that is logged and shown, in bytes.
const maxText = 512

// failure is a request that was not acknowledged. Its text never holds
// credentials.
type failure struct {
	verdict verdict
	kind    string // groups failures for the log: an HTTP status, "network", …
	text    string
	hint    string // what the operator can do; may be empty
}

func (f *failure) Error() string { return f.text }

// networkFailure is a request that has no reply. stopped says that we cut it
// off ourselves.
func networkFailure(err error, timeout time.Duration, stopped bool) *failure {
	switch {
	case stopped:
		return &failure{kind: "stopped", text: "cut off by the end of the drain timeout"}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{kind: "timeout", text: fmt.Sprintf("no reply within %s", timeout)}
	}
	// The wrapper repeats method and URL, which whoever prints this has named.
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return &failure{kind: "network", text: err.Error()}
}

// reply is what an Alertmanager, or what stands in its place, has answered.
type reply struct {
	status                int
	contentType, location string
	body                  []byte
}

// failure judges a reply whose status is not 2xx.
func (r *reply) failure() *failure {
	f := &failure{kind: strconv.Itoa(r.status), text: r.text()}
	switch {
	case r.status >= 500, r.status == http.StatusTooManyRequests, r.status == http.StatusRequestTimeout,
		r.status == http.StatusTooEarly:
		f.verdict = retry
	case r.status == http.StatusRequestEntityTooLarge, r.status == http.StatusUnprocessableEntity,
		r.status == http.StatusBadRequest && r.isJSON():
		f.verdict = rejected
	default:
		f.verdict = misconfigured
		f.hint = r.hint()
	}
	return f
}

// isJSON tells Alertmanager's own 400, which is about alerts, from that of a
// web server in its place, which is about the connection: a TLS port that is
// spoken to in plain HTTP answers 400 as well.
func (r *reply) isJSON() bool {
	mediaType, _, err := mime.ParseMediaType(r.contentType)
	return err == nil && mediaType == "application/json"
}

func (r *reply) hint() string {
	switch {
	case r.status == http.StatusUnauthorized, r.status == http.StatusForbidden:
		return "check user and password in the Alertmanager URL"
	case r.status == http.StatusProxyAuthRequired:
		return "check user and password in HTTP_PROXY or HTTPS_PROXY"
	case r.status == http.StatusBadRequest:
		return "the reply is not Alertmanager's: check scheme, host and port of the Alertmanager URL"
	case r.status/100 == 3 && r.location != "":
		return "redirects are not followed: use the address that the reply points to"
	}
	return "check host, port and path prefix of the Alertmanager URL: alerts are posted to <URL>/api/v2/alerts"
}

// text is the status and as much of the message as fits. Alertmanager writes
// the message as a JSON string; its framework, as an object.
func (r *reply) text() string {
	text := fmt.Sprintf("status %d %s", r.status, http.StatusText(r.status))
	if r.location != "" {
		text += " to " + redactLocation(r.location)
	}
	message := string(r.body)
	var object struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(r.body, &message) != nil && json.Unmarshal(r.body, &object) == nil && object.Message != "" {
		message = object.Message
	}
	message = strings.TrimSpace(message)
	if len(message) > maxText {
		message = message[:maxText] + "…"
	}
	if message == "" {
		return text
	}
	return text + ": " + strings.ToValidUTF8(message, "")
}

// redactLocation also hides the query, which is where login pages get tokens.
func redactLocation(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "an invalid address"
	}
	if u.User != nil {
		u.User = url.User(redacted)
	}
	u.RawQuery, u.ForceQuery, u.Fragment = "", false, ""
	return u.String()
}
