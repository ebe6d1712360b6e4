<?php
// PHP's stomp extension against a STOMP server: php_stomp.php HOST PORT VERSION LOGIN PASSCODE VHOST; ends with 1 at the first
// mismatch. The extension escapes nothing, knows 1.0 and 1.1, and copies every header of a MESSAGE into its ACK.
//
// After each frame it also takes a line feed, which is optional in STOMP; where another frame follows at once without one, it
// loses that frame's first octet. Servers for it set server_options::trailing_eol.
[, $host, $port, $version, $login, $passcode, $vhost] = $argv;
const WAIT = 5;

function check($condition, $text) {
    if (!$condition) {
        fwrite(STDERR, "$text\n");
        exit(1);
    }
}

error_reporting(E_ALL & ~E_DEPRECATED); // the extension itself causes one for an empty body
set_error_handler(function ($number, $text) { check(false, $text); }, E_ALL & ~E_DEPRECATED);

function connect() {
    global $host, $port, $version, $login, $passcode, $vhost;
    $headers = $version === '1.0' ? [] : ['accept-version' => $version, 'host' => $vhost];
    $stomp = new Stomp("tcp://$host:$port", $login, $passcode, $headers);
    $stomp->setReadTimeout(WAIT);
    return $stomp;
}

// The next message, which must be exactly this one.
function message($in, $body, $headers = []) {
    $frame = $in->readFrame();
    check($frame !== false, 'no message ' . json_encode($body) . ' within ' . WAIT . ' s');
    check($frame->command === 'MESSAGE', "$frame->command instead of MESSAGE");
    check((string)$frame->body === $body, 'body ' . bin2hex((string)$frame->body) . ' instead of ' . bin2hex($body));
    foreach ($headers as $name => $value) {
        check(($frame->headers[$name] ?? null) === $value, "header $name in " . json_encode($frame->headers));
    }
    return $frame;
}

function silence($in, $why) {
    $in->setReadTimeout(0, 300000);
    check(!$in->hasFrame(), "a message arrived $why");
    $in->setReadTimeout(WAIT);
}

try {
    $in = $out = connect();
    check($in->getSessionId() !== connect()->getSessionId(), 'two connections with one session id');

    // text and binary; a call with a receipt waits for it
    $queue = "/queue/php-stomp-$version-" . getmypid();
    check($in->subscribe("$queue-auto", ['id' => 's1', 'ack' => 'auto', 'receipt' => 'r-sub']), 'subscribe');
    check($out->send("$queue-auto", 'hello, world', ['receipt' => 'r1', 'foo' => 'bar baz']), 'send with a receipt');
    message($in, 'hello, world', ['foo' => 'bar baz', 'subscription' => 's1', 'destination' => "$queue-auto"]);
    $text = 'zażółć – 日本 😀';
    check($out->send("$queue-auto", $text, ['receipt' => 'r2', 'word' => $text]), 'send UTF-8');
    message($in, $text, ['word' => $text]);
    foreach (["\0first", "in\0side\0\n\0", "last\0", str_repeat(implode('', array_map('chr', range(0, 255))), 300), ''] as $body) {
        check($out->send("$queue-auto", $body), 'send binary');
        message($in, $body);
    }
    check($in->unsubscribe("$queue-auto", ['id' => 's1', 'receipt' => 'r-unsub']), 'unsubscribe');

    // acknowledgements: given the frame the extension sends all of its headers back, given the id only that
    check($in->subscribe("$queue-client", ['id' => 's2', 'ack' => 'client', 'receipt' => 'r-sub2']), 'subscribe');
    $frames = [];
    for ($n = 0; $n < 3; ++$n) {
        check($out->send("$queue-client", "m$n", ['key' => 'value', 'receipt' => "r-send$n"]), 'send');
        $frames[] = message($in, "m$n", ['key' => 'value']);
    }
    check($in->ack($frames[1], ['receipt' => 'r-ack']), 'ack of a frame');
    check($in->ack($frames[2]->headers['message-id'], ['receipt' => 'r-ack2', 'subscription' => 's2']), 'ack of an id');

    // transactions: nothing before COMMIT, nothing ever after ABORT
    check($out->begin('t1', ['receipt' => 'r-begin']), 'begin');
    check($out->send("$queue-client", 'in t1', ['transaction' => 't1']), 'send in a transaction');
    silence($in, 'before COMMIT');
    check($out->commit('t1', ['receipt' => 'r-commit']), 'commit');
    $first = message($in, 'in t1');
    check($in->begin('t2'), 'begin');
    check($in->send("$queue-client", 'in t2', ['transaction' => 't2']), 'send in a transaction');
    check($in->ack($first, ['transaction' => 't2']), 'ack in a transaction');
    check($in->abort('t2', ['receipt' => 'r-abort']), 'abort');
    silence($in, 'after ABORT');
    check($in->ack($first, ['receipt' => 'r-ack3']), 'ack that ABORT took back');
    check($in->error() === false && $out->error() === false, $in->error() . ' ' . $out->error());
    unset($in, $out); // DISCONNECT; the extension does not wait for a receipt
} catch (StompException $exception) {
    check(false, $exception->getMessage() . ' ' . $exception->getDetails());
}
