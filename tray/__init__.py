"""coze-tray: a Coze (扣子) bot makes JianYing (剪映) drafts on its user's own computer."""

__version__ = "0.1.0"
