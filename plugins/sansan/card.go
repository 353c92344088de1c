package sansan

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/Jeffail/gabs/v2"
)

// Card (名刺) as Sansan gave it, with what the link itself looks at.
type Card struct {
	Raw         json.RawMessage
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

var errNoObject = errors.New("not an object")

// usual is the shape cards have; other shapes are read with gabs, which takes
// several times as long.
type usual struct {
	ID             string // encoding/json takes Id as well
	UpdatedTime    string
	RegisteredTime string
	Owner          struct{ ID, Name, Email string }
	Tags           []struct{ ID string }
}

// ParseCard reads one card as GET /bizCards/{id} gives it, bare or in an envelope.
func ParseCard(body json.RawMessage) (Card, error) {
	// Some versions may wrap it, as /persons/{id} does.
	var wrapped struct {
		ID, Item, Data json.RawMessage
	}
	if json.Unmarshal(body, &wrapped) == nil && wrapped.ID == nil {
		switch {
		case wrapped.Item != nil:
			body = wrapped.Item
		case wrapped.Data != nil:
			body = wrapped.Data
		}
	}
	return cardOf(body)
}

// cardOf reads a card. Wrong types of single fields never fail it.
func cardOf(raw json.RawMessage) (Card, error) {
	if first := bytes.TrimLeft(raw, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return Card{}, errNoObject
	}
	var u usual
	if json.Unmarshal(raw, &u) != nil {
		return oddCardOf(raw)
	}
	card := Card{
		Raw: raw, ID: u.ID, Owner: Person(u.Owner),
		UpdatedText: u.UpdatedTime, UpdatedTime: timeOf(u.UpdatedTime), RegisteredText: u.RegisteredTime,
	}
	for _, tag := range u.Tags {
		if tag.ID != "" {
			card.TagIDs = append(card.TagIDs, tag.ID)
		}
	}
	return card, nil
}

func oddCardOf(raw json.RawMessage) (Card, error) {
	content, err := gabs.ParseJSON(raw)
	if err != nil {
		return Card{}, err
	}
	card := Card{
		Raw: raw, ID: text(content, "id", "Id"), UpdatedText: text(content, "updatedTime"), RegisteredText: text(content, "registeredTime"),
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
	content, err := gabs.ParseJSON(raw)
	if err != nil {
		return Tag{}, false
	}
	tag := Tag{ID: text(content, "id", "Id"), Name: text(content, "name"), Type: text(content, "type")}
	return tag, tag.ID != ""
}

// text of the first path that holds any. Numbers count: an id may be one.
func text(c *gabs.Container, paths ...string) string {
	for _, path := range paths {
		switch v := c.Path(path).Data().(type) {
		case string:
			if v != "" {
				return v
			}
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
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
// What hasMore and the token are is read tolerantly; a missing list is an error,
// since an empty page and a broken one must not look alike.
func pageOf(body []byte) ([]json.RawMessage, Page, error) {
	// A list is decoded in one go, since pages are large. What stands here
	// before shows whether there was any: null empties it, nothing leaves it.
	rows := []json.RawMessage{nil}
	envelope := struct {
		Data    *[]json.RawMessage
		HasMore any
		Token   any `json:"nextPageToken"`
	}{Data: &rows}
	if err := json.Unmarshal(body, &envelope); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			return nil, Page{}, unreadable("the answer holds no list of data")
		}
		return nil, Page{}, unreadable("the answer is not the JSON expected")
	}
	switch {
	case envelope.Data == nil: // "data":null
		rows = nil
	case len(rows) == 1 && rows[0] == nil:
		return nil, Page{}, unreadable("the answer holds no list of data")
	}
	var page Page
	switch token := envelope.Token.(type) {
	case string:
		page.NextToken = token
	case float64:
		page.NextToken = strconv.FormatFloat(token, 'f', -1, 64)
	}
	page.HasMore = page.NextToken != ""
	switch more := envelope.HasMore.(type) {
	case bool:
		page.HasMore = more
	case string:
		if said, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(more))); err == nil {
			page.HasMore = said
		}
	}
	return rows, page, nil
}
