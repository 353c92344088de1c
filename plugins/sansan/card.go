package sansan

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/Jeffail/gabs/v2"
)

// Card (名刺) as Sansan gave it, with what the link itself looks at.
type Card struct {
	// Content is the whole card, numbers as json.Number. It is not to be changed.
	Content     map[string]any
	ID          string
	UpdatedText string
	UpdatedTime time.Time // zero when it cannot be read
	// RegisteredText is registeredTime as it stands.
	RegisteredText string
	Owner          Person // 名刺所有者
	TagIDs         []string
}

// Person is a user of Sansan. E-mail may be empty; names are not unique.
type Person struct{ ID, Name, Email string }

// Tag (タグ). Type is private, public or shared.
type Tag struct{ ID, Name, Type string }

// ParseCard reads one card as GET /bizCards/{id} gives it, bare or in an envelope.
func ParseCard(body []byte) (Card, error) {
	parsed, err := parse(body)
	if err != nil {
		return Card{}, err
	}
	content := gabs.Wrap(parsed)
	if !content.Exists("id") && !content.Exists("Id") {
		// Some versions may wrap it, as /persons/{id} does.
		for _, envelope := range []string{"item", "data"} {
			if content.Exists(envelope) {
				content = content.S(envelope)
				break
			}
		}
	}
	card, ok := cardOf(content.Data())
	if !ok {
		return Card{}, errors.New("not an object")
	}
	return card, nil
}

// cardOf looks at a card. Wrong types of single fields never fail it.
func cardOf(row any) (card Card, ok bool) {
	content, ok := row.(map[string]any)
	if !ok {
		return Card{}, false
	}
	card = Card{
		Content: content, ID: text(content, "id", "Id"),
		UpdatedText: text(content, "updatedTime"), RegisteredText: text(content, "registeredTime"),
	}
	card.UpdatedTime = timeOf(card.UpdatedText)
	if owner, ok := content["owner"].(map[string]any); ok {
		card.Owner = Person{ID: text(owner, "id", "Id"), Name: text(owner, "name"), Email: text(owner, "email")}
	}
	tags, _ := content["tags"].([]any)
	for _, each := range tags {
		if tag, ok := tagOf(each); ok {
			card.TagIDs = append(card.TagIDs, tag.ID)
		}
	}
	return card, true
}

func tagOf(row any) (tag Tag, ok bool) {
	content, _ := row.(map[string]any)
	tag = Tag{ID: text(content, "id", "Id"), Name: text(content, "name"), Type: text(content, "type")}
	return tag, tag.ID != ""
}

// text of the first field that holds any.
func text(content map[string]any, fields ...string) string {
	for _, field := range fields {
		if s := textOf(content[field]); s != "" {
			return s
		}
	}
	return ""
}

// textOf a value. Numbers count: an id may be one.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
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
// What hasMore and the token are is read tolerantly; a missing list is an error,
// since an empty page and a broken one must not look alike.
func pageOf(body []byte) ([]any, Page, error) {
	content, err := parse(body)
	if err != nil {
		return nil, Page{}, unreadable("the answer is not the JSON expected")
	}
	envelope, _ := content.(map[string]any)
	data, there := envelope["data"]
	rows, list := data.([]any)
	if !there || data != nil && !list {
		return nil, Page{}, unreadable("the answer holds no list of data")
	}
	page := Page{NextToken: text(envelope, "nextPageToken")}
	page.HasMore = page.NextToken != ""
	switch more := envelope["hasMore"].(type) {
	case bool:
		page.HasMore = more
	case string:
		if said, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(more))); err == nil {
			page.HasMore = said
		}
	}
	return rows, page, nil
}
