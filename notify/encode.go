package notify

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/go-openapi/runtime"
	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/tocsin/tocsin/alert"
)

// producer writes the bodies of requests. The one of the library asks for the fields
// of each alert and then reads what they wrote once more: in a storm that is a
// quarter of all work.
var producer = runtime.ProducerFunc(func(w io.Writer, body any) error {
	alerts, ok := body.(models.PostableAlerts)
	if !ok {
		return json.NewEncoder(w).Encode(body)
	}
	b := make([]byte, 0, 512*len(alerts))
	for i, a := range alerts {
		b = append(b, "[,"[min(i, 1)])
		b = appendAlert(b, a)
	}
	if len(alerts) == 0 {
		b = append(b, '[')
	}
	_, err := w.Write(append(b, ']'))
	return err
})

func appendAlert(b []byte, a *models.PostableAlert) []byte {
	b = append(b, '{')
	if len(a.Annotations) > 0 {
		b = append(appendLabelSet(append(b, `"annotations":`...), a.Annotations), ',')
	}
	b = appendTime(append(b, `"endsAt":`...), a.EndsAt)
	b = appendTime(append(b, `,"startsAt":`...), a.StartsAt)
	if a.GeneratorURL != "" {
		b = alert.AppendJSONString(append(b, `,"generatorURL":`...), string(a.GeneratorURL))
	}
	b = appendLabelSet(append(b, `,"labels":`...), a.Labels)
	return append(b, '}')
}

func appendTime(b []byte, t strfmt.DateTime) []byte {
	b = time.Time(t).AppendFormat(append(b, '"'), strfmt.MarshalFormat)
	return append(b, '"')
}

func appendLabelSet(b []byte, set models.LabelSet) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(set)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(alert.AppendJSONString(b, name), ':')
		b = alert.AppendJSONString(b, set[name])
	}
	return append(b, '}')
}
