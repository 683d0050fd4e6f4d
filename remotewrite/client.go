package remotewrite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/config"
)

// verdict is what a reply means for the samples of the request.
type verdict int

const (
	accepted verdict = iota
	// later: the remote, or the way to it, fails; the samples are as good as before.
	later
	// denied: it answers, and would not even look at them (credentials, a wrong path).
	denied
	// rejected: some or all of them are refused for good.
	rejected
	// tooLarge: less of them may be taken.
	tooLarge
	// foreign: the remote does not speak this version of the protocol.
	foreign
)

// reply is the answer to one request.
type reply struct {
	verdict verdict
	err     error         // nil only if accepted
	after   time.Duration // what Retry-After asks for, else 0
	stored  int           // samples that the remote says it has, if counted
	counted bool          // whether it says anything about that, as those of 2.0 do
}

const (
	versionHeader = "X-Prometheus-Remote-Write-Version"
	// maxAnswer is how much of an answer is read: an error's text stands in the
	// beginning, and nothing else in it is of interest.
	maxAnswer = 16 << 10
	maxText   = 300
	// maxRetryAfter bounds what a remote may ask for.
	maxRetryAfter = 15 * time.Minute
)

// client posts to one remote.
type client struct {
	http    *http.Client
	url     string
	headers map[string]string
	timeout time.Duration
}

// newClient is that of the library for TLS, credentials and proxies. The library's
// remote.Client is not used: it tells a status only in words, reads answers to their
// end, and links the SDKs of three clouds.
func newClient(cfg *config.RemoteWriteConfig) (*client, error) {
	opts := []promconfig.HTTPClientOption{promconfig.WithUserAgent("tocsin")}
	if cfg.RoundRobinDNS {
		opts = append(opts, promconfig.WithDialContextFunc(dialAny))
	}
	h, err := promconfig.NewClientFromConfig(cfg.HTTPClientConfig, "remote_write", opts...)
	if err != nil {
		return nil, err
	}
	// A redirected POST would become a GET, and its answer no acknowledgement.
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{http: h, url: cfg.URL.String(), headers: cfg.Headers, timeout: time.Duration(cfg.RemoteTimeout)}, nil
}

// dialAny connects to one of the addresses of a host, for round_robin_dns.
func dialAny(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	return d.DialContext(ctx, network, net.JoinHostPort(addresses[rand.IntN(len(addresses))], port))
}

// errPartly: a remote has said yes, and counted fewer samples than it was sent.
var errPartly = errors.New("the remote counts fewer samples than it was sent")

// post sends one compressed request. attempt counts from 0.
func (c *client) post(ctx context.Context, body []byte, protocol remoteapi.WriteMessageType, attempt int) reply {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return reply{verdict: denied, err: withoutURL(err)}
	}
	for name, value := range c.headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Encoding", "snappy")
	if protocol == remoteapi.WriteV2MessageType {
		req.Header.Set("Content-Type", "application/x-protobuf;proto="+string(protocol))
		req.Header.Set(versionHeader, "2.0.0")
	} else {
		req.Header.Set("Content-Type", "application/x-protobuf")
		req.Header.Set(versionHeader, "0.1.0")
	}
	if attempt > 0 {
		req.Header.Set("Retry-Attempt", strconv.Itoa(attempt))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{verdict: later, err: withoutURL(err)}
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status has said what counts
	return judge(resp, text)
}

// judge reads an answer. Only what is about the samples themselves gives them up:
// credentials that have run out, or a proxy that does not know the way, are no
// reason to lose any, though the specification would let a sender do so.
func judge(resp *http.Response, text []byte) reply {
	r := reply{after: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	r.stored, r.counted = written(resp.Header)
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return r
	case code/100 == 5, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		r.verdict = later
	case code == http.StatusUnsupportedMediaType:
		r.verdict = foreign
	case code == http.StatusRequestEntityTooLarge:
		r.verdict = tooLarge
	case code/100 == 3, code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound,
		code == http.StatusMethodNotAllowed, code == http.StatusProxyAuthRequired:
		r.verdict = denied
	default:
		r.verdict = rejected
	}
	r.err = errors.New("status " + printable([]byte(resp.Status)) + ": " + printable(text))
	return r
}

// written reads how many samples and histograms a remote has stored, and whether it
// says so at all. What makes no sense counts as nothing.
func written(h http.Header) (stored int, counted bool) {
	for _, kind := range []string{"Samples", "Histograms", "Exemplars"} {
		text := h.Get("X-Prometheus-Remote-Write-" + kind + "-Written")
		counted = counted || text != ""
		if n, err := strconv.Atoi(text); err == nil && kind != "Exemplars" {
			stored += n
		}
	}
	return stored, counted
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(time.Duration(min(max(seconds, 0), 1<<20))*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// withoutURL drops the URL from an error, whose parameters may be secrets.
func withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return fmt.Errorf("post: %w", u.Err)
	}
	return err
}

// printable is the first line of a text from elsewhere, without what a terminal
// or a log would act upon.
func printable(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	line = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	if cut := []rune(line); len(cut) > maxText {
		return string(cut[:maxText]) + "…"
	}
	return line
}
