package sansan

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/Jeffail/gabs/v2"
)

// Card (名刺) as Sansan gave it, with what the link itself looks at.
type Card struct {
	Raw         json.RawMessage
	ID          string
	UpdatedText string
	UpdatedTime time.Time // zero when it cannot be read
	Owner       Person    // 名刺所有者
	TagIDs      []string
}

// Person is a user of Sansan. E-mail may be empty; names are not unique.
type Person struct{ ID, Name, Email string }

// Tag (タグ). Type is private, public or shared.
type Tag struct{ ID, Name, Type string }

var errNoObject = errors.New("not an object")

// cardOf reads a card. Wrong types of single fields never fail it.
func cardOf(raw json.RawMessage) (Card, error) {
	content, err := objectOf(raw)
	if err != nil {
		return Card{}, err
	}
	card := Card{
		Raw: raw, ID: text(content, "id", "Id"), UpdatedText: text(content, "updatedTime"),
		Owner: Person{ID: text(content, "owner.id", "owner.Id"), Name: text(content, "owner.name"), Email: text(content, "owner.email")},
	}
	card.UpdatedTime = timeOf(card.UpdatedText)
	for _, tag := range content.Path("tags").Children() {
		if id := text(tag, "id", "Id"); id != "" {
			card.TagIDs = append(card.TagIDs, id)
		}
	}
	return card, nil
}

func tagOf(raw json.RawMessage) (Tag, bool) {
	content, err := objectOf(raw)
	if err != nil {
		return Tag{}, false
	}
	tag := Tag{ID: text(content, "id", "Id"), Name: text(content, "name"), Type: text(content, "type")}
	return tag, tag.ID != ""
}

func objectOf(raw json.RawMessage) (*gabs.Container, error) {
	if first := bytes.TrimLeft(raw, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return nil, errNoObject
	}
	return gabs.ParseJSON(raw)
}

func text(c *gabs.Container, paths ...string) string {
	for _, path := range paths {
		if s, ok := c.Path(path).Data().(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// japan is the zone of times that name none.
var japan = time.FixedZone("JST", 9*60*60)

func timeOf(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	if t, err := time.ParseInLocation("2006-01-02T15:04:05", s, japan); err == nil {
		return t
	}
	return time.Time{}
}

// pageOf reads the envelope {"data":[...],"hasMore":..,"nextPageToken":..}.
func pageOf(body []byte) ([]json.RawMessage, Page, error) {
	var envelope struct {
		Data    json.RawMessage
		HasMore any
		Token   any `json:"nextPageToken"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, Page{}, unreadable("the answer is not the JSON expected")
	}
	var rows []json.RawMessage
	if data := bytes.TrimSpace(envelope.Data); len(data) == 0 || json.Unmarshal(data, &rows) != nil {
		return nil, Page{}, unreadable("the answer holds no list of data")
	}
	var page Page
	page.NextToken, _ = envelope.Token.(string)
	switch more := envelope.HasMore.(type) {
	case bool:
		page.HasMore = more
	case string:
		page.HasMore = more == "true"
	default:
		page.HasMore = page.NextToken != ""
	}
	return rows, page, nil
}
