// Style and script of the pages. Colours of text on their grounds have a contrast of 4.5 or more.

#include <fmt/format.h>

#include "report/chart.h"
#include "report/page.h"

namespace allmodes::report {
namespace {

constexpr char kStyle[] = R"(
:root{color-scheme:light dark;--ground:#fff;--panel:#f6f7f9;--text:#1c2024;--quiet:#5a626b;--edge:#d5dae0;
--good:#116329;--risk:#7a4b00;--bad:#a40e26;--c0:#0b5cad;--c1:#b35900;--c2:#1a7f37;--c3:#8250df;--c4:#a40e26;--c5:#57606a}
@media(prefers-color-scheme:dark){:root{--ground:#15181c;--panel:#1e2329;--text:#e6e9ec;--quiet:#a3acb6;--edge:#3a424b;
--good:#56d364;--risk:#e3b341;--bad:#ff8a80;--c0:#6cb6ff;--c1:#f0a35e;--c2:#6bc46d;--c3:#c297ff;--c4:#ff938a;--c5:#adbac7}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1200px;padding:16px;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:28px 0 8px}h3{font-size:1rem;margin:8px 0;overflow-wrap:anywhere}
p{margin:4px 0}code,li,p{overflow-wrap:anywhere}a{color:var(--c0)}.quiet,.legend,.hover{color:var(--quiet);font-size:.875rem}
.verdict{border-left:8px solid var(--edge);background:var(--panel);padding:12px 16px;margin:12px 0;overflow-wrap:anywhere}
.verdict strong{font-size:1.25rem}
.healthy{border-color:var(--good)}.at_risk{border-color:var(--risk)}.collapsed{border-color:var(--bad)}
.healthy strong,.healthy .mark{color:var(--good)}.at_risk strong,.at_risk .mark{color:var(--risk)}.collapsed strong,.collapsed .mark{color:var(--bad)}
.time{display:flex;flex-wrap:wrap;gap:3px;list-style:none;padding:0;margin:8px 0}
.time li{border:1px solid var(--edge);border-bottom-width:5px;padding:0 6px;font-size:.875rem;background:var(--panel)}
.time li.healthy{border-bottom-color:var(--good)}.time li.at_risk{border-bottom-color:var(--risk)}.time li.collapsed{border-bottom-color:var(--bad)}
.grid2{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:16px}
.chart{margin:0;background:var(--panel);padding:10px;min-width:0}.chart svg{width:100%;height:auto;display:block}
.square svg:not(.key){max-width:300px}
figcaption{font-weight:600;font-size:.95rem;margin-bottom:4px}
.chart text{fill:var(--quiet);font-size:12px}.grid{stroke:var(--edge);fill:none}
polyline{fill:none;stroke-width:2}.thin{stroke-width:1;opacity:.6}line{stroke-width:2}line.grid{stroke-width:1}
.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2);stroke-dasharray:7 3}.c3{stroke:var(--c3);stroke-dasharray:3 2}
.c4{stroke:var(--c4);stroke-dasharray:9 2 2 2}.c5{stroke:var(--c5);stroke-dasharray:1 3}
circle.c0{fill:var(--c0)}circle.c1{fill:var(--c1)}circle.c2{fill:var(--c2)}circle.c3{fill:var(--c3)}circle.c4{fill:var(--c4)}circle.c5{fill:var(--c5)}
.legend span{margin-right:14px;white-space:nowrap}.key{width:24px!important;height:8px!important;display:inline-block!important;margin-right:5px}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;font-weight:600;padding:4px 0}th,td{text-align:left;padding:3px 8px;border-bottom:1px solid var(--edge);vertical-align:middle}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.chance{white-space:nowrap}td.name{overflow-wrap:anywhere;min-width:9em}
.bar{position:relative;height:14px;min-width:90px;background:var(--panel);border:1px solid var(--edge)}
.bar i{position:absolute;left:0;top:0;bottom:0;background:var(--c0)}.lost .bar i{background:var(--bad)}
.bar u{position:absolute;top:-3px;bottom:-3px;width:0;border-left:2px solid var(--text)}
.lost td{color:var(--bad)}
.samples img{max-width:100%;height:auto;border:1px solid var(--edge);background:#fff}
input[type=range]{width:100%;accent-color:var(--c0)}
pre{overflow:auto;background:var(--panel);padding:12px;font-size:.85rem;max-height:32em}
summary{cursor:pointer;font-weight:600}
@media screen and (max-width:520px){.stacked thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stacked tr{display:flex;flex-wrap:wrap;gap:0 12px;padding:4px 0;border-bottom:1px solid var(--edge)}.stacked td{border:0;padding:0;text-align:left}
.stacked td:first-child,.stacked td.name,.stacked td.share{flex:1 0 100%}.stacked td[data-label]::before{content:attr(data-label) " ";color:var(--quiet)}}
@media print{body{max-width:none}.scroll{overflow:visible}h2,h3,h2+p,figcaption,caption{break-after:avoid}tr{break-inside:avoid}input[type=range],.hover{display:none}.chart,.verdict,.bar{break-inside:avoid}pre{max-height:none;white-space:pre-wrap}}
)";

// Without it the page shows the last samples and no values under the pointer.
constexpr char kScript[] = R"(
document.querySelectorAll('.samples').forEach(function(box){
  var slider=box.querySelector('input'),images=box.querySelectorAll('img'),say=box.querySelector('output');
  if(!slider)return;
  function show(){for(var i=0;i<images.length;i++)images[i].hidden=i!=slider.value;
    var text='step '+images[slider.value].dataset.step;say.textContent=text;slider.setAttribute('aria-valuetext',text);}
  slider.addEventListener('input',show);show();});
document.querySelectorAll('.chart').forEach(function(chart){
  var lines=chart.querySelectorAll('polyline[data-points]'),say=chart.querySelector('.hover'),svg=chart.querySelector('svg[role]');
  if(!say||!lines.length)return;
  var curves=[].map.call(lines,function(line){var at=line.getAttribute('points').trim().split(' '),
    values=line.dataset.points.trim().split(' ');
    return {name:line.dataset.name,at:at.map(function(p){return +p.split(',')[0]}),values:values.map(function(v){return v.split(',')})}});
  svg.addEventListener('pointermove',function(event){
    var box=svg.getBoundingClientRect(),x=(event.clientX-box.left)*svg.viewBox.baseVal.width/box.width,text='',step='';
    curves.forEach(function(curve){var best=0;
      for(var i=1;i<curve.at.length;i++)if(Math.abs(curve.at[i]-x)<Math.abs(curve.at[best]-x))best=i;
      step=step||curve.values[best][0];text+='   '+curve.name+' '+curve.values[best][1];});
    say.textContent='step '+step+text;});});
)";

}  // namespace

std::string page_head(const std::string& title) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<title>{}</title><style>{}</style></head><body>\n",
      escaped(title), kStyle);
}

std::string page_end() {
  return fmt::format("<script>{}</script></body></html>\n", kScript);
}

}  // namespace allmodes::report
