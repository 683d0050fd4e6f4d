package notify

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	commonconfig "github.com/prometheus/common/config"
)

// access is how an Alertmanager is spoken to.
type access struct {
	ep      Endpoint
	timeout time.Duration // of one request
	// http is what the configuration file says; nil for an Alertmanager of a setting,
	// whose URL says it all.
	http *commonconfig.HTTPClientConfig
}

// equal tells whether a client for the one would do for the other.
func (a access) equal(b access) bool {
	return a.ep.url.String() == b.ep.url.String() && (a.ep.push == nil) == (b.ep.push == nil) && a.timeout == b.timeout && reflect.DeepEqual(a.http, b.http)
}

// anonymous tells whether nothing but the URL is needed.
func (a access) anonymous() bool {
	return a.ep.url.User == nil && (a.http == nil || reflect.DeepEqual(*a.http, commonconfig.DefaultHTTPClientConfig))
}

// follows tells whether redirects are followed.
func (a access) follows() bool { return a.http != nil && a.http.FollowRedirects }

// transport connects to nothing. Each Alertmanager has its own: connections to one
// never wait for those to another.
func (a access) transport() http.RoundTripper {
	if a.http == nil {
		return newTransport()
	}
	return &configured{http: *a.http}
}

// configured is a transport as the configuration file has it. It is made at the first
// request, and again after one that could not be made for want of a file.
type configured struct {
	http commonconfig.HTTPClientConfig

	mu sync.Mutex
	rt http.RoundTripper // guarded by mu; nil if there is none yet
}

func (c *configured) get() (http.RoundTripper, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rt != nil {
		return c.rt, nil
	}
	rt, err := newConfigured(c.http)
	if err != nil {
		return nil, err
	}
	c.rt = rt
	return rt, nil
}

func newConfigured(cfg commonconfig.HTTPClientConfig) (http.RoundTripper, error) {
	return commonconfig.NewRoundTripperFromConfigWithContext(context.Background(), cfg, "alertmanager",
		commonconfig.WithDialContextFunc((&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext),
		commonconfig.WithIdleConnTimeout(idleTimeout))
}

// RoundTrip implements http.RoundTripper.
func (c *configured) RoundTrip(req *http.Request) (*http.Response, error) {
	rt, err := c.get()
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	return rt.RoundTrip(req)
}

// CloseIdleConnections is what http.Client looks for.
func (c *configured) CloseIdleConnections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.rt.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// scrub returns a function that removes the credentials from a text that the other
// side wrote, such as an error page that repeats the request.
func (a access) scrub() func(string) string {
	if a.http == nil {
		return a.ep.scrub()
	}
	return func(text string) string {
		if text == "" {
			return text
		}
		return strings.NewReplacer(a.replacements()...).Replace(text)
	}
}

// replacements are pairs of a secret and what is shown in its place. Files are read
// when they are needed: they may have changed.
func (a access) replacements() []string {
	var pairs []string
	hide := func(secrets ...string) {
		for _, s := range secrets {
			if len(s) >= shortestSecret {
				pairs = append(pairs, s, redacted)
			}
		}
	}
	pair := func(user, password string) {
		hide(base64.StdEncoding.EncodeToString([]byte(user+":"+password)), user+":"+password, url.UserPassword(user, password).String())
	}
	c := a.http
	if b := c.BasicAuth; b != nil {
		pair(either(b.Username, b.UsernameFile), either(string(b.Password), b.PasswordFile))
	}
	if z := c.Authorization; z != nil {
		hide(either(string(z.Credentials), z.CredentialsFile))
	}
	hide(either(string(c.BearerToken), c.BearerTokenFile))
	if o := c.OAuth2; o != nil {
		hide(either(string(o.ClientSecret), o.ClientSecretFile), either(string(o.ClientCertificateKey), o.ClientCertificateKeyFile))
		pair(o.ClientID, either(string(o.ClientSecret), o.ClientSecretFile))
	}
	if c.HTTPHeaders != nil {
		for _, h := range c.HTTPHeaders.Headers {
			for _, s := range h.Secrets {
				hide(string(s))
			}
			for _, f := range h.Files {
				hide(either("", f))
			}
		}
	}
	if u := c.ProxyURL.URL; u != nil && u.User != nil {
		password, _ := u.User.Password()
		pair(u.User.Username(), password)
	}
	for _, values := range c.ProxyConnectHeader {
		for _, s := range values {
			hide(string(s))
		}
	}
	return slices.Clip(pairs)
}

// shortestSecret keeps words from being taken for secrets in a text.
const shortestSecret = 6

// either is a secret of the configuration, or of the file that it names.
func either(inline, file string) string {
	if inline != "" || file == "" {
		return inline
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "" // then it has not been sent either
	}
	return strings.TrimSpace(string(b))
}
