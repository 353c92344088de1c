package report

// texts of the page, in the language of the report.
type texts struct {
	Title, Preview, Result                                     string
	Period, Made, Source, Cards, Customers, Unreadable         string
	Totals, Action, Reason, Share, Sum, Others                 string
	Chart, Cost, Service, Requests, Quota, Time                string
	PerSecond, Detail, Acceptance, AcceptedBy, Date, Verdict   string
	Accepted, Rejected, Remarks, List, Search, All, Written    string
	NotWritten, Email, Items, Card, When, Rows, Page, Previous string
	Next, NoRows, NoScript, Personal, PreviewNote, CostNote    string
}

func (l Lang) texts() texts {
	return texts{
		Title:       l.pick("Sansan → SATORI 連携", "Sansan → SATORI link"),
		Preview:     l.pick("連携プレビュー（検収用）", "Preview for acceptance (検収)"),
		Result:      l.pick("連携結果報告", "Report of what was done"),
		PreviewNote: l.pick("この報告は試行の結果です。SATORIにもSansanにも何も書き込んでいません。", "This is a dry run. Nothing was written to SATORI or anywhere else."),
		Period:      l.pick("対象期間", "Period"),
		Made:        l.pick("作成日時", "Made"),
		Source:      l.pick("対象", "Source"),
		Cards:       l.pick("判定した名刺", "Cards decided"),
		Customers:   l.pick("登録・更新される顧客", "Customers created or changed"),
		Unreadable:  l.pick("読み取れなかった行", "Lines that could not be read"),
		Totals:      l.pick("集計", "Totals"),
		Action:      l.pick("処理", "Action"),
		Reason:      l.pick("理由", "Reason"),
		Share:       l.pick("割合", "Share"),
		Sum:         l.pick("合計", "Total"),
		Others:      l.pick("その他の理由", "other reasons"),
		Chart:       l.pick("処理ごとの名刺の枚数", "Cards by outcome"),
		Cost:        l.pick("APIの利用見込み", "Requests and time"),
		Service:     l.pick("サービス", "Service"),
		Requests:    l.pick("リクエスト数", "Requests"),
		Quota:       l.pick("上限", "Quota"),
		Time:        l.pick("所要時間", "Time"),
		PerSecond:   l.pick("回／秒", "a second"),
		Detail:      l.pick("内訳", "Of these"),
		CostNote:    l.pick("SATORIの行数と回数は最小の見込みです。SATORI側の一括処理にかかる時間は含みません。", "SATORI's figures are the least to expect; the time SATORI itself needs for a bulk job is not included."),
		Acceptance:  l.pick("検収", "Acceptance (検収)"),
		AcceptedBy:  l.pick("検収者", "Accepted by"),
		Date:        l.pick("検収日", "Date"),
		Verdict:     l.pick("判定", "Verdict"),
		Accepted:    l.pick("合格", "accepted"),
		Rejected:    l.pick("不合格", "rejected"),
		Remarks:     l.pick("備考", "Remarks"),
		List:        l.pick("名刺ごとの判定", "Card by card"),
		Search:      l.pick("検索（メールアドレス、名刺ID、項目、理由）", "Search (e-mail, card id, item, reason)"),
		All:         l.pick("すべて", "All"),
		Written:     l.pick("登録・更新される顧客", "Created or changed"),
		NotWritten:  l.pick("送信されない名刺", "Not sent"),
		Email:       l.pick("メールアドレス", "E-mail"),
		Items:       l.pick("書き込む項目", "Items written"),
		Card:        l.pick("名刺ID", "Card id"),
		When:        l.pick("日時", "Time"),
		Rows:        l.pick("件", "rows"),
		Page:        l.pick("ページ", "Page"),
		Previous:    l.pick("前へ", "Previous"),
		Next:        l.pick("次へ", "Next"),
		NoRows:      l.pick("該当する名刺はありません。", "No card matches."),
		NoScript:    l.pick("名刺ごとの一覧と検索にはJavaScriptが必要です。上の集計はこのままご覧いただけます。", "The list of cards and the search need JavaScript. The totals above stand without it."),
		Personal:    l.pick("このファイルには個人情報が含まれます。取り扱いにご注意ください。", "This file holds personal data. Handle it with care."),
	}
}
