package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

var client = &http.Client{Timeout: 5 * time.Second}

// page is the API and the status page of a Tocsin.
type page struct{ base string }

// get returns the body at a path. A status other than 200 is an error.
func (p page) get(path string) (string, error) { return get(p.base + path) }

func get(url string) (string, error) {
	res, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, res.Status)
	}
	return string(body), err
}

// api decodes the data of one of Prometheus's API calls.
func (p page) api(path string, data any) error {
	body, err := p.get(path)
	if err != nil {
		return err
	}
	answer := struct {
		Status string
		Data   any
	}{Data: data}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: status %q", path, answer.Status)
	}
	return nil
}

// value is the value of the one sample that a query returns for a time.
func (p page) value(expr string, at time.Time) (float64, error) {
	var data struct {
		Result []struct{ Value [2]any }
	}
	form := url.Values{"query": {expr}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	if err := p.api("/api/v1/query?"+form.Encode(), &data); err != nil {
		return 0, err
	}
	if len(data.Result) != 1 {
		return 0, fmt.Errorf("query %s at %s: %d samples, want 1", expr, at.Format(time.RFC3339), len(data.Result))
	}
	text, ok := data.Result[0].Value[1].(string)
	if !ok {
		return 0, fmt.Errorf("query %s: value %v is no string", expr, data.Result[0].Value[1])
	}
	return strconv.ParseFloat(text, 64)
}

// times are those of all samples of a series, of the given time back.
func (p page) times(series string, back time.Duration) ([]time.Time, error) {
	var data struct {
		Result []struct{ Values [][2]any }
	}
	form := url.Values{"query": {fmt.Sprintf("%s[%s]", series, back)}}
	if err := p.api("/api/v1/query?"+form.Encode(), &data); err != nil {
		return nil, err
	}
	if len(data.Result) != 1 {
		return nil, fmt.Errorf("query %s: %d series, want 1", series, len(data.Result))
	}
	var at []time.Time
	for _, v := range data.Result[0].Values {
		seconds, ok := v[0].(float64)
		if !ok {
			return nil, fmt.Errorf("query %s: time %v is no number", series, v[0])
		}
		at = append(at, time.UnixMilli(int64(seconds*1000)))
	}
	return at, nil
}

// scrapedAt is when the engine was last scraped with success.
func (p page) scrapedAt() (time.Time, error) {
	v, err := p.value(`timestamp(up{job="docker"}) and up{job="docker"} == 1`, time.Now())
	return time.UnixMilli(int64(v * 1000)), err
}

// ruleGroup is a group of /api/v1/rules.
type ruleGroup struct {
	Name           string
	File           string
	LastEvaluation time.Time
	Rules          []struct {
		Name      string
		Health    string
		LastError string
		State     string
	}
}

// groups are the groups that run, in their order.
func (p page) groups() ([]ruleGroup, error) {
	var data struct{ Groups []ruleGroup }
	err := p.api("/api/v1/rules", &data)
	return data.Groups, err
}

// lastEvaluation is when the only group was evaluated.
func (p page) lastEvaluation() (time.Time, error) {
	groups, err := p.groups()
	if err != nil {
		return time.Time{}, err
	}
	if len(groups) != 1 {
		return time.Time{}, fmt.Errorf("%d groups, want 1", len(groups))
	}
	return groups[0].LastEvaluation, nil
}

// healthy returns an error unless the given rules, and no others, run without one.
func (p page) healthy(names ...string) error {
	groups, err := p.groups()
	if err != nil {
		return err
	}
	var got []string
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				return fmt.Errorf("rule %s: health %s %s", r.Name, r.Health, r.LastError)
			}
			got = append(got, r.Name)
		}
	}
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		return fmt.Errorf("rules: got %v, want %v", got, names)
	}
	return nil
}

// ruleAlert is an alert of /api/v1/alerts.
type ruleAlert struct {
	Labels      map[string]string
	Annotations map[string]string
	State       string
	ActiveAt    time.Time
}

// alert is the one alert of a name, in whatever state.
func (p page) alert(name string) (ruleAlert, error) {
	var data struct{ Alerts []ruleAlert }
	if err := p.api("/api/v1/alerts", &data); err != nil {
		return ruleAlert{}, err
	}
	var found []ruleAlert
	for _, a := range data.Alerts {
		if a.Labels["alertname"] == name {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		return ruleAlert{}, fmt.Errorf("page: %d alerts %s, want 1", len(found), name)
	}
	return found[0], nil
}
