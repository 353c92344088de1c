package satorisim

import (
	"maps"
	"slices"
)

// single handles registration.json, upsert.json and delete.json.
func (s *Sim) single(c *call) *answer {
	if c.broken != "" {
		return s.refuse(s.set.Invalid, c.broken)
	}
	identity := c.items["identity_type"]
	byHash := identity == "hashcode"
	if !byHash && identity != "email" {
		return s.refuse(s.set.Invalid, "identity_typeが不正です")
	}
	if isBlank(c.items[identity]) {
		return s.refuse(s.set.Invalid, identity+"を入力してください")
	}
	if c.kind == SingleDelete {
		return s.deleteOne(c, byHash)
	}
	at := make([]int, 0, len(c.items))
	values := make([]string, 0, len(c.items))
	for _, name := range slices.Sorted(maps.Keys(c.items)) {
		if name == "identity_type" {
			continue
		}
		col, reaction, complaint := s.schema.column(name, &s.set)
		if complaint != "" {
			if reaction != Ignore {
				return s.refuse(s.set.Invalid, complaint)
			}
			continue
		}
		at, values = append(at, col), append(values, c.items[name])
	}
	cols := newColumns(at)
	if words := s.checkRow(cols, values, byHash, false); words != "" {
		return s.refuse(s.set.Invalid, words)
	}
	if mail := s.key(cell(values, cols.email)); mail != "" {
		if other := s.jobWith(mail); other != nil {
			s.violate(Violation{Kind: SameEmailTwice, At: c.at, Job: other.code, Email: mail, Excused: other.excused, Detail: "single call while the e-mail is in a job"})
		}
	}
	verb := Registration
	if c.kind == SingleUpsert {
		verb = Upsert
	}
	cust, words := s.write(verb, cols, values, byHash, s.set.Now(), nil, 0)
	if words != "" {
		return s.refuse(s.set.UnknownKey, words)
	}
	return s.accept(s.set.SingleHTTP, 200, "", InMessage, map[string]any{"customer[hashcode]": s.hashcode(cust.id)})
}

func (s *Sim) deleteOne(c *call, byHash bool) *answer {
	var cust *customer
	if byHash {
		cust = s.byHashcode(c.items["hashcode"])
	} else {
		cust = s.table.byEmail[s.key(c.items["email"])]
	}
	if cust == nil {
		return s.refuse(s.set.UnknownKey, "該当するカスタマーが存在しません")
	}
	s.remove(cust, s.set.Now())
	return s.accept(s.set.SingleHTTP, 200, "", InMessage, map[string]any{"customer[hashcode]": s.hashcode(cust.id)})
}

// checkRow gives SATORI's words about a row or single call that cannot be
// applied, or "".
func (s *Sim) checkRow(cols *columns, values []string, byHash bool, bulk bool) string {
	mail := cell(values, cols.email)
	switch {
	case byHash && isBlank(cell(values, cols.hashcode)):
		return "ハッシュコード(hashcode): 入力してください"
	case !byHash && isBlank(mail):
		return "メールアドレス(email): 入力してください"
	case bulk && s.set.MissingRoute != Ignore && isBlank(cell(values, cols.route)):
		return "情報獲得経路(collection_route): 入力してください"
	}
	for i, item := range cols.at {
		if item < 0 {
			continue
		}
		if v := values[i]; !isBlank(v) {
			if words := s.schema.check(item, v, &s.set); words != "" {
				return words
			}
		}
	}
	if s.set.RejectRow != nil {
		if words := s.set.RejectRow(s.key(mail)); words != "" {
			return words
		}
	}
	return ""
}
