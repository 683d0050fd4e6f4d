package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Limits of what is asked of an instance: check must end.
const (
	instanceTimeout = 10 * time.Second
	instanceAnswer  = 64 << 20
)

// instance is a running Tocsin or Prometheus, seen through its HTTP API.
type instance struct {
	url    *url.URL
	client *http.Client
	asked  map[string]bool // by expression: rules share selectors
}

func newInstance(address string) (*instance, error) {
	u, err := url.Parse(address)
	switch {
	case err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https"):
		trustKnownRoots()
		return &instance{url: u, client: &http.Client{Timeout: instanceTimeout}, asked: map[string]bool{}}, nil
	case !strings.Contains(address, "://"):
		return nil, fmt.Errorf("%q is no URL, did you mean http://%s?", address, address)
	}
	return nil, fmt.Errorf("%q is no URL: expected http://host:port", address)
}

// String is the address without a password in it.
func (i *instance) String() string { return i.url.Redacted() }

// statusError is an answer that is no success.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string {
	if e.text != "" {
		return e.text
	}
	return fmt.Sprintf("answers with status %d %s", e.code, http.StatusText(e.code))
}

func (e *statusError) hint() string {
	if e.code == http.StatusUnauthorized || e.code == http.StatusForbidden {
		return "put the credentials into the URL: http://user:password@host:port"
	}
	return ""
}

// get asks one endpoint of the API; its data goes to into.
func (i *instance) get(ctx context.Context, path string, params url.Values, into any) error {
	u := i.url.JoinPath(path)
	u.RawQuery = params.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := i.client.Do(req)
	if err != nil {
		// It repeats the whole URL, query and all.
		if urlErr := (*url.Error)(nil); errors.As(err, &urlErr) {
			err = urlErr.Err
		}
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  json.RawMessage
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, instanceAnswer)).Decode(&answer)
	switch {
	case resp.StatusCode != http.StatusOK:
		return &statusError{resp.StatusCode, answer.Error}
	case err != nil:
		return &statusError{resp.StatusCode, "answers with something else than JSON"}
	}
	return json.Unmarshal(answer.Data, into)
}

// sample is one series of an instant query; its value does not matter.
type sample struct{ Metric map[string]string }

// query evaluates an expression that gives a vector, now.
func (i *instance) query(ctx context.Context, expr string) ([]sample, error) {
	var data struct{ Result []sample }
	err := i.get(ctx, "api/v1/query", url.Values{"query": {expr}}, &data)
	return data.Result, err
}

// values lists those of a label; of all series, or of those of a selector.
func (i *instance) values(ctx context.Context, label, selector string) ([]string, error) {
	var data []string
	params := url.Values{}
	if selector != "" {
		params.Set("match[]", selector)
	}
	err := i.get(ctx, "api/v1/label/"+label+"/values", params, &data)
	if err == nil {
		return data, nil
	}
	// Not every instance has this endpoint.
	if selector == "" {
		selector = `{__name__!=""}`
	}
	series, err := i.query(ctx, fmt.Sprintf("group by (%s) (%s)", label, selector))
	for _, s := range series {
		data = append(data, s.Metric[label])
	}
	return data, err
}
