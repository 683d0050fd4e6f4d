package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-openapi/runtime"
	httptransport "github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	amclient "github.com/prometheus/alertmanager/api/v2/client"
	alertapi "github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/client/general"
	"github.com/prometheus/alertmanager/api/v2/models"
)

const (
	apiPath = "/api/v2" // below an endpoint's URL
	// maxReply bounds how much of a reply is read. A reply to a POST of alerts
	// is empty, or one line per refused alert.
	maxReply = 64 << 10
	// maxStatus bounds a reply that holds the Alertmanager's whole configuration.
	maxStatus = 4 << 20
)

// client speaks Alertmanager's API to one Alertmanager. It is owned by one
// goroutine.
type client struct {
	api     *amclient.AlertmanagerAPI
	courier *courier
	timeout time.Duration
	scrub   func(string) string
	// mute: there is nothing but a path to post to, and no status.
	mute bool
	// closeIdle ends the connections that are kept for the next request.
	closeIdle func()
}

// Limits of what a broken link can stretch.
const (
	dialTimeout = 5 * time.Second
	keepAlive   = 30 * time.Second
	idleTimeout = 90 * time.Second // longer than the usual resend delay
)

// newClient connects to nothing. A nil rt means a transport of its own.
func newClient(a access, version string, rt http.RoundTripper) *client {
	if rt == nil {
		rt = a.transport()
	}
	c := &courier{base: a.ep.url, push: a.ep.push, userAgent: "tocsin/" + version, next: rt}
	hc := &http.Client{Transport: c, CheckRedirect: checkRedirect(a.follows())}
	oa := httptransport.NewWithClient(a.ep.url.Host, apiPath, []string{a.ep.url.Scheme}, hc)
	// The library turns this on by the variable DEBUG, and would then print
	// every request to stderr.
	oa.Debug = false
	oa.Producers[runtime.JSONMime] = producer
	return &client{
		api:       amclient.New(oa, strfmt.Default),
		courier:   c,
		timeout:   a.timeout,
		scrub:     a.scrub(),
		mute:      a.ep.push != nil,
		closeIdle: hc.CloseIdleConnections,
	}
}

// checkRedirect follows only what asks for the same request elsewhere: any other
// redirect turns a POST into a GET, which succeeds and delivers nothing.
func checkRedirect(follow bool) func(*http.Request, []*http.Request) error {
	const most = 10
	return func(req *http.Request, via []*http.Request) error {
		if !follow || req.Method != via[0].Method || len(via) >= most {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

// newTransport is for an Alertmanager of a setting.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		// With a DialContext of our own the transport speaks HTTP/1.1 only. That
		// is meant: after a timeout HTTP/1.1 closes the connection and the next
		// attempt resolves and dials anew, while HTTP/2 would keep a dead one.
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           1, // there is one request at a time
		MaxResponseHeaderBytes: maxReply,
	}
}

// post sends alerts and returns nil if the Alertmanager has acknowledged them.
// It takes no longer than the timeout, and no longer than ctx.
func (c *client) post(ctx context.Context, alerts models.PostableAlerts) *failure {
	reqCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	params := alertapi.NewPostAlertsParamsWithContext(reqCtx).WithAlerts(alerts)
	_, err := c.api.Alert.PostAlerts(params, withReader(readPostReply))
	if err == nil {
		return nil
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = networkFailure(err, c.timeout, ctx.Err() != nil)
		c.closeIdle() // HTTP/2 would go on with a connection that is dead
	}
	f.text = c.scrub(f.text)
	return f
}

// started asks the Alertmanager when it was started.
func (c *client) started(ctx context.Context, timeout time.Duration) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var at time.Time
	read := func(res runtime.ClientResponse, _ runtime.Consumer) (any, error) {
		var err error
		at, err = readStarted(res)
		return general.NewGetStatusOK(), err
	}
	_, err := c.api.General.GetStatus(general.NewGetStatusParamsWithContext(ctx), func(op *runtime.ClientOperation) {
		op.Reader = runtime.ClientResponseReaderFunc(read)
	})
	return at, err
}

// readStarted reads no more of a status than it needs: other fields differ from
// version to version.
func readStarted(res runtime.ClientResponse) (time.Time, error) {
	if res.Code() != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body(), maxReply)) // to use the connection again
		return time.Time{}, fmt.Errorf("status %d", res.Code())
	}
	var status struct {
		Uptime time.Time `json:"uptime"`
	}
	body := io.LimitReader(res.Body(), maxStatus)
	if err := json.NewDecoder(body).Decode(&status); err != nil {
		return time.Time{}, fmt.Errorf("read status: %w", err)
	}
	_, _ = io.Copy(io.Discard, body)
	if status.Uptime.IsZero() {
		return time.Time{}, errors.New("status without uptime")
	}
	return status.Uptime, nil
}

// withReader replaces the generated reader of replies, which loses the status
// if the body is not of the documented type. Proxies' bodies never are.
func withReader(read runtime.ClientResponseReaderFunc) alertapi.ClientOption {
	return func(op *runtime.ClientOperation) { op.Reader = read }
}

func readPostReply(res runtime.ClientResponse, _ runtime.Consumer) (any, error) {
	// Reading to the end lets the connection be used again. An error changes
	// nothing: the status has been received, and it alone decides.
	body, _ := io.ReadAll(io.LimitReader(res.Body(), maxReply))
	if res.Code()/100 == 2 {
		return alertapi.NewPostAlertsOK(), nil
	}
	r := reply{
		status:      res.Code(),
		contentType: res.GetHeader("Content-Type"),
		location:    res.GetHeader("Location"),
		body:        body,
	}
	return nil, r.failure()
}

// courier completes requests with what the generated client cannot express,
// and makes replies harmless for it. It sees what the client does not show.
type courier struct {
	base      *url.URL // with userinfo
	push      *url.URL // where alerts go instead; nil if below base
	userAgent string
	next      http.RoundTripper

	skew      skew        // by the last reply with a date
	connected atomic.Bool // since this was last set to false
}

// RoundTrip implements http.RoundTripper.
func (c *courier) RoundTrip(req *http.Request) (*http.Response, error) {
	trace := httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if !i.Reused {
			c.connected.Store(true)
		}
	}}
	req = req.Clone(httptrace.WithClientTrace(req.Context(), &trace))
	req.Header.Set("User-Agent", c.userAgent)
	if req.Response == nil { // else a redirect says where it goes
		c.address(req)
	}
	before := time.Now()
	res, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if s, ok := measure(res.Header, before, time.Now()); ok {
		c.skew = s
	}
	// The library gives up on a reply whose Content-Type it cannot parse, and
	// with it on the status.
	if _, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil {
		res.Header.Set("Content-Type", "text/plain")
	}
	return res, nil
}

// address puts on a request where it goes.
func (c *courier) address(req *http.Request) {
	// The prefix is added here because the client library decodes it first:
	// an escaped slash would become a real one. The userinfo stays out of the
	// URL, and so out of errors.
	base := *c.base
	if base.Path == "" {
		base.Path = "/" // or the request would go out as "POST api/v2/alerts"
	}
	target := base.JoinPath(req.URL.Path)
	if c.push != nil {
		push := *c.push
		target = &push
	}
	target.User = nil
	req.URL, req.Host = target, target.Host
	if c.base.User != nil {
		password, _ := c.base.User.Password()
		req.SetBasicAuth(c.base.User.Username(), password)
	}
}

// CloseIdleConnections is what http.Client looks for.
func (c *courier) CloseIdleConnections() {
	if t, ok := c.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
