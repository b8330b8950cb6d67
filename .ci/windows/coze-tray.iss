; Inno Setup 6.3 or later: the installer for Windows, for the user who runs it (no administrator is asked for).
;   pyinstaller build.spec
;   iscc /DVersion=0.1.0 .ci\windows\coze-tray.iss      ->  dist\coze-tray-0.1.0-setup.exe
; Inno Setup brings no Simplified Chinese: ChineseSimplified.isl beside this file has what this installer shows, and
; what is not in it is English.
#ifndef Version
  #error Give the version: iscc /DVersion=0.1.0
#endif
#define Root "..\.."
#define Program "coze-tray.exe"
#define Console "coze-tray.com"
; As tray/desktop/autostart.py writes it.
#define RunKey "Software\Microsoft\Windows\CurrentVersion\Run"
#define ApprovedKey "Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
#define RunValue "coze-tray"

[Setup]
AppId={{6C0A7E2B-6C1D-4C3C-9B9E-2F1D0A5C7E11}
AppName=coze-tray
AppVersion={#Version}
AppPublisher=coze-tray
VersionInfoVersion={#Version}
DefaultDirName={autopf}\coze-tray
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0
LicenseFile={#Root}\LICENSE
OutputDir={#Root}\dist
OutputBaseFilename=coze-tray-{#Version}-setup
SetupIconFile={#Root}\build\build\coze-tray.ico
UninstallDisplayIcon={app}\{#Program}
Compression=lzma2
SolidCompression=yes
WizardStyle=modern
; The program that runs is told to quit (below), so that what it builds is not cut short.
CloseApplications=no

[Languages]
Name: "zh"; MessagesFile: "compiler:Default.isl,ChineseSimplified.isl"
Name: "en"; MessagesFile: "compiler:Default.isl"

[CustomMessages]
en.StartAtLogin=Start coze-tray at login
en.StartNow=Start coze-tray now
en.StillRuns=coze-tray still runs. Quit it from its tray icon and try again.
en.DeleteData=Delete the settings, the sign-in, the journal and the media cache of coze-tray as well? Your drafts stay in any case.

[Tasks]
Name: "login"; Description: "{cm:StartAtLogin}"
Name: "desktopicon"; Description: "{cm:CreateDesktopIcon}"; Flags: unchecked

[InstallDelete]
; What an older version had and this one has not must not be found by the new one.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "{#Root}\dist\coze-tray\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Icons]
Name: "{autoprograms}\coze-tray"; Filename: "{app}\{#Program}"
Name: "{autodesktop}\coze-tray"; Filename: "{app}\{#Program}"; Tasks: desktopicon

[Run]
Filename: "{app}\{#Console}"; Parameters: "autostart on"; Flags: runhidden; Tasks: login
Filename: "{app}\{#Program}"; Description: "{cm:StartNow}"; Flags: nowait postinstall skipifsilent

[UninstallRun]
Filename: "{app}\{#Console}"; Parameters: "autostart off"; RunOnceId: "autostart"; Flags: runhidden

[Registry]
; Also where the program itself can't be run any more, nothing is left that starts at login.
Root: HKCU; Subkey: "{#RunKey}"; ValueName: "{#RunValue}"; ValueType: none; Flags: uninsdeletevalue dontcreatekey
Root: HKCU; Subkey: "{#ApprovedKey}"; ValueName: "{#RunValue}"; ValueType: none; Flags: uninsdeletevalue dontcreatekey

; The program registers its links itself.
Root: HKCU; Subkey: "Software\Classes\coze-tray"; ValueType: none; Flags: uninsdeletekey dontcreatekey

[Code]
var
  DataIsDeleted: Boolean;

{ Whether no process runs it: Windows lets nobody write to a program that runs, though it can be renamed. }
function IsFree(const Name: String): Boolean;
var
  Stream: TFileStream;
begin
  Result := True;
  try
    Stream := TFileStream.Create(Name, $12);  { fmOpenReadWrite or fmShareExclusive }
    Stream.Free;
  except
    Result := False;
  end;
end;

{ Ends the program that runs, if one does, and waits for it. False where it still runs. }
function QuitRunning: Boolean;
var
  Code, Tries: Integer;
  Command, Name: String;
begin
  Command := ExpandConstant('{app}\{#Console}');
  if FileExists(Command) then
    Exec(Command, 'quit', '', SW_HIDE, ewWaitUntilTerminated, Code);
  Name := ExpandConstant('{app}\{#Program}');
  Result := not FileExists(Name);
  for Tries := 1 to 20 do
    if not Result then
    begin
      Result := IsFree(Name);
      if not Result then
        Sleep(500);
    end;
end;

function PrepareToInstall(var NeedsRestart: Boolean): String;
begin
  Result := '';
  if not QuitRunning then
    Result := CustomMessage('StillRuns');
end;

function InitializeUninstall: Boolean;
begin
  Result := QuitRunning;
  if not Result then
    SuppressibleMsgBox(CustomMessage('StillRuns'), mbError, MB_OK, IDOK)
  else
    DataIsDeleted := SuppressibleMsgBox(CustomMessage('DeleteData'), mbConfirmation, MB_YESNO or MB_DEFBUTTON2, IDNO) = IDYES;
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Code: Integer;
begin
  if not DataIsDeleted then
    Exit;
  if Step = usUninstall then
    Exec(ExpandConstant('{app}\{#Console}'), 'logout', '', SW_HIDE, ewWaitUntilTerminated, Code);
  if Step = usPostUninstall then
    DelTree(ExpandConstant('{localappdata}\coze-tray'), True, True, True);
end;
