// Package cli asks a running Tocsin how it is doing, and prints what it says for
// people (a table) or programs (JSON, YAML).
//
// What comes from rule files, targets and label values is text to it: nothing of that
// reaches a terminal as a control sequence.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/config"
)

const (
	// DefaultAddress is where Tocsin listens unless told otherwise.
	DefaultAddress = "http://127.0.0.1:9193"
	// pluginSockets are where managed plugins have their sockets.
	pluginSockets = "/run/docker/plugins/*/tocsin.sock"
	// timeout bounds a request: an explanation takes seconds at most.
	timeout = 30 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 256 << 20
)

// Client asks one Tocsin. Make one with NewClient.
type Client struct {
	// addresses are tried in their order until one can be dialled.
	addresses []string
	http      config.HTTPClientConfig
	sockets   string // a glob; tried after the default address
}

// NewClient makes a client for the Tocsin at an address: http(s)://host:port, or
// unix:///path of its plugin socket. Without one, the default address is tried, then
// the sockets of plugins. configFile has credentials and TLS in the format of
// Prometheus's tools (http_config); it may be empty.
func NewClient(address, configFile string) (*Client, error) {
	c := &Client{http: config.DefaultHTTPClientConfig}
	if configFile != "" {
		cfg, _, err := config.LoadHTTPConfigFile(configFile)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", configFile, err)
		}
		c.http = *cfg
	}
	if address == "" {
		c.addresses, c.sockets = []string{DefaultAddress}, pluginSockets
		return c, nil
	}
	if err := checkAddress(address); err != nil {
		return nil, err
	}
	c.addresses = []string{address}
	return c, nil
}

func checkAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || !strings.Contains(address, "://"):
		return fmt.Errorf("address %q is no URL, did you mean http://%s?", redacted(address), redacted(address))
	case u.Scheme == "unix" && u.Path != "" && u.Host == "":
		return nil
	case u.Scheme == "unix":
		return fmt.Errorf("address %q: a socket is written unix:///path", address)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("address %q: expected http://host:port, https://host:port or unix:///path", redacted(address))
	}
	return nil
}

// redacted is an address without a password.
func redacted(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Redacted()
	}
	if at := strings.LastIndexByte(address, '@'); at >= 0 { // may be one all the same
		return "xxxxx" + address[at:]
	}
	return address
}

// AnswerError is what Tocsin answers instead of data.
type AnswerError struct {
	Code int
	Text string
}

func (e *AnswerError) Error() string {
	if e.Text != "" {
		return e.Text
	}
	text := fmt.Sprintf("answers with status %d %s", e.Code, http.StatusText(e.Code))
	if e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden {
		text += "; credentials go into a file for --http.config.file"
	}
	return text
}

// get asks one path of the API, and gives the data of the answer.
func (c *Client) get(ctx context.Context, path string, params url.Values) (json.RawMessage, error) {
	addresses := c.addresses
	if c.sockets != "" {
		found, _ := filepath.Glob(c.sockets) // the pattern is ours
		for _, socket := range found {
			addresses = append(addresses[:len(addresses):len(addresses)], "unix://"+socket)
		}
	}
	var failed []error
	for _, address := range addresses {
		data, err := c.getFrom(ctx, address, path, params)
		dial := (*net.OpError)(nil)
		if err == nil || !errors.As(err, &dial) || dial.Op != "dial" {
			return data, err
		}
		failed = append(failed, err)
	}
	if c.sockets != "" {
		failed = append(failed, errors.New("is Tocsin running? say where with --address or TOCSIN_ADDRESS"))
	}
	return nil, errors.Join(failed...)
}

func (c *Client) getFrom(ctx context.Context, address, path string, params url.Values) (json.RawMessage, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	var opts []config.HTTPClientOption
	if socket := u.Path; u.Scheme == "unix" {
		opts = append(opts, config.WithDialContextFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}))
		u = &url.URL{Scheme: "http", Host: "localhost"}
	}
	client, err := config.NewClientFromConfig(c.http, "tocsin", opts...)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	u = u.JoinPath(path)
	u.RawQuery = params.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) { // it repeats the whole URL
			err = wrapped.Err
		}
		return nil, fmt.Errorf("%s: %w", redacted(address), err)
	}
	defer resp.Body.Close()
	data, err := decode(resp)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", redacted(address), err)
	}
	return data, nil
}

func decode(resp *http.Response) (json.RawMessage, error) {
	var answer struct {
		Status string
		Error  string
		Data   json.RawMessage
	}
	err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer)
	switch {
	case resp.StatusCode == http.StatusNotFound && answer.Error == "":
		return nil, fmt.Errorf("there is no Tocsin of this version: it does not know %s", resp.Request.URL.Path)
	case resp.StatusCode != http.StatusOK:
		return nil, &AnswerError{resp.StatusCode, answer.Error}
	case err != nil:
		return nil, fmt.Errorf("answers with something else than JSON: %w", err)
	}
	return answer.Data, nil
}
