package samplecards

// name is written, read in katakana, and spelt for an e-mail.
type name struct{ kanji, kana, romaji string }

type place struct{ prefecture, city, town, postal, area string }

var lastNames = []name{
	{"山田", "ヤマダ", "yamada"}, {"鈴木", "スズキ", "suzuki"}, {"佐藤", "サトウ", "sato"}, {"高橋", "タカハシ", "takahashi"},
	{"田中", "タナカ", "tanaka"}, {"渡辺", "ワタナベ", "watanabe"}, {"伊藤", "イトウ", "ito"}, {"中村", "ナカムラ", "nakamura"},
	{"小林", "コバヤシ", "kobayashi"}, {"加藤", "カトウ", "kato"}, {"吉田", "ヨシダ", "yoshida"}, {"髙木", "タカギ", "takagi"},
	{"山﨑", "ヤマザキ", "yamazaki"}, {"斎藤", "サイトウ", "saito"}, {"齋藤", "サイトウ", "saitou"}, {"渡邉", "ワタナベ", "watanabe"},
	{"松本", "マツモト", "matsumoto"}, {"井上", "イノウエ", "inoue"}, {"木村", "キムラ", "kimura"}, {"林", "ハヤシ", "hayashi"},
	{"清水", "シミズ", "shimizu"}, {"池田", "イケダ", "ikeda"}, {"橋本", "ハシモト", "hashimoto"}, {"五十嵐", "イガラシ", "igarashi"},
	{"長谷川", "ハセガワ", "hasegawa"}, {"Smith", "スミス", "smith"}, {"王", "オウ", "wang"}, {"金", "キム", "kim"},
}

var firstNames = []name{
	{"太郎", "タロウ", "taro"}, {"花子", "ハナコ", "hanako"}, {"一郎", "イチロウ", "ichiro"}, {"健", "ケン", "ken"},
	{"美咲", "ミサキ", "misaki"}, {"翔太", "ショウタ", "shota"}, {"陽子", "ヨウコ", "yoko"}, {"直樹", "ナオキ", "naoki"},
	{"恵", "メグミ", "megumi"}, {"大輔", "ダイスケ", "daisuke"}, {"さくら", "サクラ", "sakura"}, {"純一郎", "ジュンイチロウ", "junichiro"},
	{"由美", "ユミ", "yumi"}, {"誠", "マコト", "makoto"}, {"愛", "アイ", "ai"}, {"隆", "タカシ", "takashi"},
	{"千尋", "チヒロ", "chihiro"}, {"ジョン", "ジョン", "john"}, {"美月", "ミヅキ", "mizuki"}, {"和弥", "カズヤ", "kazuya"},
}

var companyWords = []name{
	{"サンプル", "", "sample"}, {"見本商事", "", "mihon"}, {"架空製作所", "", "kakuu"}, {"テスト電機", "", "testdenki"},
	{"例示システムズ", "", "reiji"}, {"仮名物流", "", "kamei"}, {"ダミー工業", "", "dummy"}, {"空想ソフトウェア", "", "kuusou"},
	{"モックアップ", "", "mockup"}, {"標本化学", "", "hyouhon"}, {"雛形建設", "", "hinagata"}, {"試作フーズ", "", "shisaku"},
	{"ＡＢＣホールディングス", "", "abc-hd"}, {"Placeholder", "", "placeholder"}, {"練習出版", "", "renshuu"}, {"ガラス細工", "", "glass"},
}

var companyForms = []string{"株式会社%s", "%s株式会社", "株式会社 %s", "有限会社%s", "合同会社%s", "%s Inc.", "一般社団法人%s"}

// domains are reserved for examples (RFC 2606, and JPRS for .jp).
var domains = []string{"example.com", "example.co.jp", "example.jp", "example.ne.jp", "example.or.jp", "example.org", "example.net"}

var departments = []string{"営業部", "マーケティング部", "情報システム部", "総務部", "経営企画室", "第一営業部 東日本課", "開発本部/基盤グループ", "人事部", "購買部"}

var titles = []string{"部長", "課長", "主任", "代表取締役", "取締役 CTO", "マネージャー", "係長", "担当部長", "Sales Manager", "エンジニア"}

var places = []place{
	{"東京都", "千代田区", "千代田", "1000001", "03"}, {"東京都", "港区", "芝公園", "105-0011", "03"}, {"大阪府", "大阪市北区", "梅田", "5300001", "06"},
	{"愛知県", "名古屋市中区", "栄", "4600008", "052"}, {"福岡県", "福岡市博多区", "博多駅前", "812-0011", "092"}, {"北海道", "札幌市中央区", "北一条西", "0600001", "011"},
	{"神奈川県", "横浜市西区", "みなとみらい", "2200012", "045"}, {"京都府", "京都市下京区", "四条通", "6008001", "075"}, {"沖縄県", "那覇市", "泉崎", "9000021", "098"},
}

// Owners lists the invented users of Sansan.
func Owners() []Person {
	return []Person{
		{"suzuki", "鈴木一郎", "suzuki@example.com"}, {"tanaka", "田中花子", "tanaka@example.com"},
		{"sato1", "佐藤健", "sato.ken@example.com"}, {"sato2", "佐藤健", "ken.sato@example.com"},
		{"kobayashi", "小林　直樹", ""}, {"mori", "森さくら", "Mori@example.com"},
		{"left", "退職者", ""}, {"yamazaki", "山﨑誠", "yamazaki@example.com"},
	}
}

// Tags lists the invented tags.
func Tags() []Tag {
	o := Owners()
	suzuki, tanaka, mori := &o[0], &o[1], &o[5]
	return []Tag{
		{"7A600000000000000000000000000001", "展示会2026", "shared", suzuki},
		{"7A600000000000000000000000000002", "展示会2026", "public", tanaka},
		{"7A600000000000000000000000000003", "展示会2026", "private", tanaka},
		{"7A600000000000000000000000000004", "東京,大阪", "shared", suzuki},
		{"7A600000000000000000000000000005", "全社共有", "shared", nil},
		{"7A600000000000000000000000000006", "VIP", "private", suzuki},
		{"7A600000000000000000000000000007", "年賀状", "private", mori},
		{"7A600000000000000000000000000008", "セミナー：春", "public", mori},
		{"7A600000000000000000000000000009", "ﾒﾙﾏｶﾞ", "public", suzuki},
		{"7A60000000000000000000000000000A", "🎉パーティー", "shared", tanaka},
		{"7A60000000000000000000000000000B", "  前後に空白  ", "public", suzuki},
		{"7A60000000000000000000000000000C", "\"引用\"&<記号>", "public", tanaka},
	}
}

// JSON gives the person as the API does.
func (p Person) JSON() map[string]any {
	m := map[string]any{"id": p.ID, "name": p.Name, "email": nil}
	if p.Email != "" {
		m["email"] = p.Email
	}
	return m
}

// JSON gives the tag as the API does.
func (t Tag) JSON() map[string]any {
	m := map[string]any{"id": t.ID, "name": t.Name, "type": t.Type, "owner": nil}
	if t.Owner != nil {
		m["owner"] = t.Owner.JSON()
	}
	return m
}

func ownerObjects() (got []map[string]any) {
	for _, o := range Owners() {
		got = append(got, o.JSON())
	}
	return got
}

func tagObjects() (got []map[string]any) {
	for _, t := range Tags() {
		got = append(got, t.JSON())
	}
	return got
}
