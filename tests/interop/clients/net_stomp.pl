# Net::Stomp (STOMP 1.0) against a STOMP server: net_stomp.pl HOST PORT VERSION LOGIN PASSCODE VHOST; ends with 1 at the first
# mismatch. The library knows no escapes and expects the RECEIPT of a SEND before the MESSAGE that it causes.
use strict;
use warnings;
use Net::Stomp;
use Encode qw(encode);
use POSIX ();

my ($host, $port, $version, $login, $passcode, $vhost) = @ARGV;
my $wait = 5;

sub check {
    my ($condition, $text) = @_;
    return if $condition;
    print STDERR "$text\n";
    POSIX::_exit(1);
}

my $stomp = Net::Stomp->new({ hostname => $host, port => $port, timeout => $wait, receipt_timeout => $wait });
my $connected = $stomp->connect({ login => $login, passcode => $passcode });
check($connected && $connected->command eq 'CONNECTED', 'not CONNECTED');
check(($connected->headers->{version} // '1.0') eq '1.0', 'the server chose another version');

sub frame {
    my ($command) = @_;
    my $frame = $stomp->receive_frame({ timeout => $wait });
    check($frame, "no $command within $wait s");
    check($frame->command eq $command, $frame->command . " instead of $command: " . $frame->body);
    return $frame;
}

sub message {
    my ($body, $subscription, %headers) = @_;
    my $frame = frame('MESSAGE');
    check($frame->body eq $body, "body '" . $frame->body . "' instead of '$body'");
    check(($frame->headers->{subscription} // '') eq $subscription, 'subscription missing');
    for my $name (keys %headers) {
        my $got = $frame->headers->{$name} // '(none)';
        check($got eq $headers{$name}, "header $name is '$got' instead of '$headers{$name}'");
    }
    return $frame;
}

sub receipt {
    my ($id) = @_;
    my $got = frame('RECEIPT')->headers->{'receipt-id'};
    check($got eq $id, "receipt $got instead of $id");
}

sub silence {
    my ($why) = @_;
    check(!$stomp->can_read({ timeout => 0.3 }), "a frame arrived $why");
}

sub raw {    # a command for which the library has no method
    my ($command, %headers) = @_;
    $stomp->send_frame(Net::Stomp::Frame->new({ command => $command, headers => \%headers }));
}

my $queue = "/queue/net-stomp-$$";

# text and binary
my $destination = "$queue-auto";
$stomp->subscribe({ destination => $destination, ack => 'auto', id => 's1', receipt => 'r-sub' });
receipt('r-sub');
check($stomp->send_with_receipt({ destination => $destination, body => 'hello, world', foo => 'a:b c' }), 'no receipt for SEND');
message('hello, world', 's1', foo => 'a:b c', destination => $destination);
my $text = encode('UTF-8', "za\x{17c}\x{f3}\x{142}\x{107} \x{65e5}\x{672c} \x{1f600}");
check($stomp->send_with_receipt({ destination => $destination, body => $text, word => $text }), 'no receipt for UTF-8');
message($text, 's1', word => $text);
for my $body ("\0first", "in\0side\0\n\0", "last\0", join('', map { chr } 0 .. 255) x 300) {
    $stomp->send({ destination => $destination, body => $body, bytes_message => 1 });
    message($body, 's1');
}
$stomp->send({ destination => $destination, body => '' });
message('', 's1');
$stomp->unsubscribe({ destination => $destination, id => 's1', receipt => 'r-unsub' });
receipt('r-unsub');

# acknowledgements: cumulative, then the rest
$destination = "$queue-client";
$stomp->subscribe({ destination => $destination, ack => 'client', id => 's2', receipt => 'r-sub2' });
receipt('r-sub2');
$stomp->send({ destination => $destination, body => "m$_" }) for 0 .. 2;
my @frames = map { message("m$_", 's2') } 0 .. 2;
$stomp->ack({ frame => $frames[1], receipt => 'r-ack' });
receipt('r-ack');
$stomp->ack({ frame => $frames[2], receipt => 'r-ack2' });
receipt('r-ack2');

# transactions: nothing before COMMIT, nothing ever after ABORT
raw('BEGIN', transaction => 't1', receipt => 'r-begin');
receipt('r-begin');
$stomp->send({ destination => $destination, body => 'in t1', transaction => 't1' });
silence('before COMMIT');
raw('COMMIT', transaction => 't1');
my $first = message('in t1', 's2');
raw('BEGIN', transaction => 't2');
$stomp->send({ destination => $destination, body => 'in t2', transaction => 't2' });
$stomp->ack({ frame => $first, transaction => 't2' });
raw('ABORT', transaction => 't2', receipt => 'r-abort');
receipt('r-abort');
silence('after ABORT');
$stomp->ack({ frame => $first, receipt => 'r-ack3' });    # ABORT took the first one back
receipt('r-ack3');
check($stomp->send_transactional({ destination => $destination, body => 'whole' }), 'send_transactional');
message('whole', 's2');

raw('DISCONNECT', receipt => 'r-bye');
receipt('r-bye');
check(!defined $stomp->receive_frame({ timeout => $wait }) && !$stomp->socket->opened, 'the server did not close');
POSIX::_exit(0);
